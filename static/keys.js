// Keys for the grid. Each presses a button or follows a link that is there for the pointer too; the table below makes
// the help sheet as well. Off while typing, and for whoever switches them off (WCAG 2.1.4).

const KEYS = [
  [["j", "ArrowRight", "l"], "Next picture", () => step(1)],
  [["k", "ArrowLeft", "h"], "Picture before", () => step(-1)],
  [["ArrowDown"], "Picture below", () => row(1)],
  [["ArrowUp"], "Picture above", () => row(-1)],
  [["x"], "Indecent", () => act("mark")],
  [["o"], "OK", () => act("approve")],
  [["s"], "Skip: to the next that is not decided", () => onward(current())],
  [["u"], "Undo the last decision", () => undo.requestSubmit()],
  [["A"], "The rest is fine", () => rest.hidden || rest.requestSubmit()],
  [["v"], "Select, or not; shift and an arrow select on", () => select(current())],
  [["Enter"], "Open the picture", () => current()?.querySelector(".box").click()],
  [[" "], "Hold to see the picture sharp", () => reveal(picture())],
  [["b"], "Hide all pictures, or show them", () => hideAll.click()],
  [["g"], "Change the shield", () => setLevel((wanted + 1) % shield.elements.level.length)],
  [["m"], "Similar pictures", () => { const card = current(); if (card) location.assign(card.dataset.similar); }],
  [["n"], "Show new pictures", () => arrivals.hidden || showNew.click()],
  [["?"], "This sheet", () => help.showModal()],
  [["Escape"], "Close what is open, clear the selection", () => { if (!closeMenus()) clearSelection(); }],
];
const NAMES = { ArrowRight: "→", ArrowLeft: "←", ArrowDown: "↓", ArrowUp: "↑", Escape: "Esc", " ": "Space" };

const help = document.getElementById("keys");
const showKeys = document.getElementById("show-keys");
const on = document.getElementById("keys-on");
const selection = document.getElementById("selection");
const actions = new Map(KEYS.flatMap(([names, , action]) => names.map((name) => [name, action])));
let last = null; // the number of the picture that the keys are at

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || help.open || grid.querySelector(".ask")) return;
  if (event.key !== "Escape" && (!on.checked || event.target.matches("input, select, textarea"))) return;
  // Enter on a button or a link is the browser's, and so is Space on a button.
  if (event.key === "Enter" && event.target.matches("a, button, summary")) return;
  if (event.key === " " && event.target.matches("button, summary")) return;
  const action = actions.get(event.key);
  if (!action) return;
  event.preventDefault();
  const moves = event.key.startsWith("Arrow") || "hjkl".includes(event.key);
  if (event.repeat && !moves) return; // a key that is held down decides once
  if (event.shiftKey && event.key.startsWith("Arrow")) select(current(), true);
  action();
  if (event.shiftKey && event.key.startsWith("Arrow")) select(current(), true);
});

document.addEventListener("keyup", (event) => { if (event.key === " ") [...sharp.keys()].forEach(shroud); });

grid.addEventListener("focusin", (event) => { last = event.target.closest(".card")?.dataset.picture ?? last; });

// --- moving ----------------------------------------------------------------

const cards = () => [...grid.querySelectorAll(".card")];
const current = () => document.activeElement.closest(".grid .card") || (last && cardOf(last)) || null;

const picture = () => current()?.querySelector("img[data-sharp]");

function go(card) {
  if (!card) return;
  card.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest" });
}

function step(by) {
  const all = cards();
  const here = all.indexOf(current());
  go(here < 0 ? all[0] : all[here + by]);
}

// To the card of the next row, or of the one before, that lies nearest below or above.
function row(by) {
  const here = current();
  if (!here) return step(1);
  const top = here.offsetTop;
  const beyond = cards().filter((card) => (card.offsetTop - top) * by > 0);
  const rows = beyond.map((card) => card.offsetTop);
  const nearest = by > 0 ? Math.min(...rows) : Math.max(...rows);
  const inRow = beyond.filter((card) => card.offsetTop === nearest);
  const distance = (card) => Math.abs(card.offsetLeft - here.offsetLeft);
  go(inRow.sort((a, b) => distance(a) - distance(b))[0]);
}

// To the next card that waits for a decision; where none follows, the first that does.
function onward(from) {
  const all = cards();
  const here = all.indexOf(from);
  const waits = (card) => card !== from && !card.matches(".decided, .selected");
  go([...all.slice(here + 1), ...all.slice(0, Math.max(here, 0))].find(waits));
}

// --- deciding --------------------------------------------------------------

async function act(what) {
  if (chosen().length) return actOnAll(what);
  const card = current();
  if (!card) return step(1);
  const button = card.querySelector(`[data-act="${what}"]`);
  if (!button || button.disabled) return;
  onward(card);
  if (!await decide(button.form, card)) go(cardOf(card.dataset.picture));
}

// --- selecting -------------------------------------------------------------

const chosen = () => [...grid.querySelectorAll(".card.selected")];

function select(card, always = false) {
  if (!card || card.classList.contains("decided")) return;
  card.classList.toggle("selected", always || undefined);
  tellSelection();
}

function clearSelection() {
  chosen().forEach((card) => card.classList.remove("selected"));
  tellSelection();
}

function tellSelection() {
  const number = chosen().length;
  selection.hidden = number === 0;
  if (number) selection.querySelector("p").textContent = `${number} selected`;
}

async function actOnAll(what) {
  const all = chosen();
  clearSelection();
  onward(all.at(-1));
  if (what === "approve") return approveAll(all);
  for (const card of all) {
    const now = cardOf(card.dataset.picture); // an earlier one may have swept it
    const button = now.querySelector('[data-act="mark"]');
    if (button && !now.classList.contains("decided") && !await decide(button.form, now)) return;
  }
}

selection.addEventListener("click", (event) => {
  const what = event.target.dataset.all;
  if (what) actOnAll(what);
  else if (what === "") clearSelection();
});

// --- menus -----------------------------------------------------------------

// Closes every menu but that one; true if there was one to close. The focus goes back to where it was opened.
function closeMenus(but = null) {
  const open = [...document.querySelectorAll(".menu[open], .arrange[open]")].filter((menu) => menu !== but);
  for (const menu of open) {
    if (menu.contains(document.activeElement)) menu.querySelector("summary").focus({ preventScroll: true });
    menu.open = false;
  }
  return open.length > 0;
}

document.addEventListener("click", (event) => closeMenus(event.target.closest(".menu, .arrange")));

grid.classList.add("keyed");
grid.addEventListener("click", (event) => {
  if (!event.target.matches("[data-skip]")) return;
  closeMenus();
  onward(event.target.closest(".card"));
});

// --- the sheet -------------------------------------------------------------

for (const [names, words] of KEYS) {
  const keys = document.createElement("dt");
  keys.append(...names.map((name) => Object.assign(document.createElement("kbd"), { textContent: NAMES[name] || name })));
  help.querySelector("dl").append(keys, Object.assign(document.createElement("dd"), { textContent: words }));
}
on.checked = localStorage.getItem("keys") !== "off";
on.addEventListener("change", () => localStorage.setItem("keys", on.checked ? "on" : "off"));
showKeys.hidden = false;
showKeys.addEventListener("click", () => help.showModal());
