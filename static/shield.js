// The shield: pictures are sent blurred, and sharp only to whoever presses on one, for a moment.

const SHARP_SECONDS = 4;
const shield = document.getElementById("shield");
const hideAll = document.getElementById("hide-all");
const sharp = new Map(); // pictures that are sharp now, and the timers that end it
let level = Number(shield.elements.level.value);
let wanted = level; // what is chosen; the pictures follow when it is stored
let storing = false;

const shroudedOf = (picture) => picture.dataset.sharp + (level ? `?level=${level}` : "");

function reveal(picture) {
  if (!picture || !level || document.documentElement.classList.contains("all-hidden")) return;
  clearTimeout(sharp.get(picture));
  if (!sharp.has(picture)) picture.src = picture.dataset.sharp;
  sharp.set(picture, setTimeout(() => shroud(picture), SHARP_SECONDS * 1000));
}

function shroud(picture) {
  if (!sharp.has(picture)) return;
  clearTimeout(sharp.get(picture));
  sharp.delete(picture);
  picture.src = shroudedOf(picture);
}

// The first press shows the picture, the next does what a press on it does. Enter on its link opens it at once.
document.addEventListener("click", (event) => {
  const picture = event.target.closest("img[data-sharp]");
  if (!picture || !level || event.detail === 0 || sharp.has(picture)) return;
  event.preventDefault();
  event.stopPropagation();
  reveal(picture);
}, { capture: true });

function hide(hidden) {
  [...sharp.keys()].forEach(shroud);
  document.documentElement.classList.toggle("all-hidden", hidden);
  hideAll.textContent = hidden ? "Show all" : "Hide all";
}

hideAll.hidden = false;
hideAll.addEventListener("click", () => hide(!document.documentElement.classList.contains("all-hidden")));
document.addEventListener("visibilitychange", () => { if (document.hidden && level) hide(true); });

async function setLevel(chosen) {
  wanted = chosen;
  shield.elements.level.value = chosen;
  if (storing) return; // what is chosen meanwhile is stored next
  storing = true;
  while (wanted !== level) {
    const next = wanted;
    if (await stored()) {
      level = next;
      sharp.forEach(clearTimeout);
      sharp.clear();
      document.querySelectorAll("img[data-sharp]").forEach((picture) => { picture.src = shroudedOf(picture); });
    } else {
      wanted = level;
      shield.elements.level.value = level;
      say("The shield stays as it was: that did not work. Please try again.");
    }
  }
  storing = false;
}

async function stored() {
  const options = { method: "POST", body: new FormData(shield), headers: { Accept: "application/json" } };
  const answer = await fetch(shield.action, options).catch(() => null);
  return Boolean(answer?.ok);
}

shield.addEventListener("change", () => setLevel(Number(shield.elements.level.value)));
