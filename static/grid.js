// The live grid: buttons act in place, newcomers wait in the tray, cards that others decide change where they are.
// Without this script every button is an ordinary form.

const grid = document.getElementById("grid");
const live = document.getElementById("live");
const toast = document.getElementById("toast");
const empty = document.getElementById("empty");
const arrivals = document.querySelector(".arrivals");
const showNew = document.getElementById("show-new");
const thumbs = arrivals.querySelector(".thumbs");

const waiting = new Map(); // cards that have arrived and are not shown yet, by the picture's number
const THUMBS = 6;
let version = Number(grid.dataset.version);
let timer = 0;
let asking = false;
let busy = 0; // buttons whose answer is on its way

const cardOf = (id) => document.getElementById(`picture-${id}`);

function element(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.querySelector(".card");
}

async function ask(address, options = {}) {
  const answer = await fetch(address, { ...options, headers: { Accept: "application/json" } });
  if (answer.status === 204) return null;
  if (answer.status === 401) throw new Error("You are signed out. Please reload the page and sign in.");
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(said.error || "That did not work. Please try again.");
  return said;
}

// --- buttons ---------------------------------------------------------------

grid.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  const card = form.closest(".card");
  const buttons = card.querySelectorAll("button");
  const body = new FormData(form);
  const picture = card.dataset.picture;
  body.set("picture", picture);
  buttons.forEach((button) => { button.disabled = true; });
  busy += 1;
  try {
    const { card: html } = await ask(form.action, { method: "POST", body });
    replace(picture, html);
    cardOf(picture).querySelector("button")?.focus({ preventScroll: true });
  } catch (error) {
    buttons.forEach((button) => { button.disabled = false; });
    say(error.message);
  } finally {
    busy -= 1;
  }
  look(); // the sweep may have changed other cards here
});

function replace(id, html) {
  const old = cardOf(id);
  const card = element(html);
  if (old && card && old.outerHTML !== card.outerHTML) old.replaceWith(card);
}

let silence = 0;
function say(sentence) {
  toast.textContent = sentence;
  toast.hidden = false;
  clearTimeout(silence);
  silence = setTimeout(() => { toast.hidden = true; }, 8000);
}

// --- what is new -----------------------------------------------------------

async function look() {
  if (asking || document.hidden) return;
  asking = true;
  clearTimeout(timer);
  try {
    const news = await ask(`${grid.dataset.changes}?since=${version}`);
    if (news && busy === 0) {
      news.cards.forEach(take);
      version = news.version;
      count(news.counts);
      tray();
    }
    state("Live", "on");
  } catch (error) {
    state(error instanceof TypeError ? "No connection, trying again" : error.message, "off");
  } finally {
    asking = false;
    timer = setTimeout(look, Number(grid.dataset.pollSeconds) * 1000);
  }
}

function state(sentence, kind) {
  if (live.textContent === sentence) return; // said once, not at every look
  live.textContent = sentence;
  live.className = `live ${kind}`;
}

function take({ id, html, undecided, status }) {
  if (cardOf(id)) {
    // A card with the focus inside keeps it: it is somebody's, and was just answered.
    if (!cardOf(id).contains(document.activeElement)) replace(id, html);
    else replaceKeepingFocus(id, html);
    return;
  }
  const newest = Number(grid.querySelector(".card")?.dataset.picture || 0);
  const belongs = {
    undecided: undecided && ["published", "held", "replaced"].includes(status),
    held: status === "held",
    refused: status === "refused",
    all: true,
  }[grid.dataset.show];
  if (belongs && "older" in grid.dataset === false && (id > newest || waiting.has(id))) waiting.set(id, html);
  else waiting.delete(id);
}

function replaceKeepingFocus(id, html) {
  const place = [...cardOf(id).querySelectorAll("a, button")].indexOf(document.activeElement);
  replace(id, html);
  const targets = cardOf(id).querySelectorAll("a, button");
  targets[Math.min(place, targets.length - 1)]?.focus({ preventScroll: true });
}

function tray() {
  if (waiting.size && !grid.querySelector(".card")) release(); // nothing there that could move
  arrivals.hidden = waiting.size === 0;
  showNew.textContent = `Show ${waiting.size} new`;
  const newest = [...waiting.keys()].sort((a, b) => b - a).slice(0, THUMBS);
  thumbs.replaceChildren(...newest.map((id) => {
    const small = element(waiting.get(id)).querySelector("img").cloneNode();
    small.loading = "eager";
    small.dataset.arrived = id;
    return small;
  }));
  empty.hidden = grid.querySelector(".card") !== null;
}

function release() {
  const ids = [...waiting.keys()].sort((a, b) => b - a);
  grid.prepend(...ids.map((id) => element(waiting.get(id))));
  waiting.clear();
  return ids[0];
}

showNew.addEventListener("click", () => {
  const first = release();
  tray();
  window.scrollTo({ top: 0 });
  cardOf(first)?.querySelector("a")?.focus({ preventScroll: true });
});

function count(counts) {
  for (const place of document.querySelectorAll("[data-count]")) {
    const number = counts[place.dataset.count];
    place.textContent = number > 999 ? "999+" : number;
  }
}

// --- time passes -----------------------------------------------------------

function ago(moment) {
  const seconds = (Date.now() - moment) / 1000;
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= length) return `${Math.floor(seconds / length)} ${unit}`;
  }
  return "just now";
}

setInterval(() => {
  for (const time of grid.querySelectorAll("time")) time.textContent = ago(new Date(time.dateTime));
}, 30_000);

document.addEventListener("visibilitychange", look);
look();
