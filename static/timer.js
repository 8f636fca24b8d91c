// How long somebody has been looking at pictures since the last break, and when another is due.

const BREAK_MINUTES = 10; // so long without a key or a click is a break
const DUE_MINUTES = 60;
const worked = document.getElementById("worked");

function tick(event) {
  const now = Date.now();
  let { since, last } = JSON.parse(localStorage.getItem("worked") || "{}");
  if (!since || now - last > BREAK_MINUTES * 60_000) since = now;
  if (event || since === now) last = now;
  localStorage.setItem("worked", JSON.stringify({ since, last }));
  const minutes = Math.floor((now - since) / 60_000);
  worked.textContent = minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  worked.classList.toggle("due", minutes >= DUE_MINUTES);
  worked.title = minutes >= DUE_MINUTES ? "Time for a break: ten minutes away start the clock anew"
    : "How long you have been here since your last break";
  worked.hidden = false;
}

document.addEventListener("keydown", tick);
document.addEventListener("click", tick);
setInterval(() => tick(), 30_000);
tick();
