// The live grid: buttons act in place and can be taken back, newcomers wait in the tray, cards that others decide
// change where they are. Without this script every button is an ordinary form; keys.js presses the same buttons.

const grid = document.getElementById("grid");
const live = document.getElementById("live");
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

const copiesOf = (card) => card.dataset.copies.split(" ").filter(Boolean);
const cardOf = (id) => document.getElementById(`picture-${id}`);

function element(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.querySelector(".card");
}

class Unanswered extends Error {
  message = "No connection: it is not known whether that was done. Please try again.";
}

async function ask(address, options = {}) {
  const answer = await fetch(address, { ...options, headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer) throw new Unanswered();
  if (answer.status === 204) return null;
  const said = await answer.json().catch(() => null);
  if (!answer.ok) throw Object.assign(new Error(said?.error || "That did not work. Please try again."), { status: answer.status });
  if (!said) throw new Unanswered(); // it broke off
  return said;
}

// --- buttons ---------------------------------------------------------------

grid.addEventListener("submit", (event) => {
  event.preventDefault();
  decide(event.target, event.target.closest(".card"));
});

// Sends a card's form, and puts the answer in the card's place. False where that was not to be.
async function decide(form, card) {
  const buttons = card.querySelectorAll("button");
  if ([...buttons].some((button) => button.disabled)) return false; // its answer is on its way
  const body = new FormData(form);
  const picture = card.dataset.picture;
  body.set("picture", picture);
  buttons.forEach((button) => { button.disabled = true; });
  busy += 1;
  try {
    const asked = send(form.action, body, card);
    if (!form.querySelector('[data-act="undo"]')) remember(asked, picture);
    const answer = await asked;
    if (!answer) {
      buttons.forEach((button) => { button.disabled = false; });
      return false;
    }
    const focused = cardOf(picture).contains(document.activeElement) && document.activeElement !== cardOf(picture);
    replaceKeepingFocus(picture, answer.card);
    Object.entries(answer.left).forEach(([id, html]) => waiting.set(Number(id), html));
    if (focused) cardOf(picture).querySelector("button")?.focus({ preventScroll: true });
    if (form.querySelector('[data-act="undo"]')) forget(picture);
    return true;
  } catch (error) {
    buttons.forEach((button) => { button.disabled = false; });
    say(error.message);
    return false;
  } finally {
    busy -= 1;
    look(); // the sweep may have changed other cards here
  }
}

// The answer to a form; where a large sweep is asked about first, the answer to what the moderator says; else null.
async function send(address, body, card) {
  const answer = await ask(address, { method: "POST", body });
  if (!answer.ask) return answer;
  busy -= 1; // news may come while somebody thinks
  const chosen = await choose(answer.ask, card);
  busy += 1;
  if (chosen) body.getAll("copy").forEach((id) => chosen.append("copy", id));
  return chosen && ask(address, { method: "POST", body: chosen });
}

function replace(id, html) {
  const old = cardOf(id);
  const card = element(html);
  if (!old || !card) return old;
  if (old.classList.contains("selected") && !card.classList.contains("decided")) card.classList.add("selected");
  if (old.outerHTML === card.outerHTML) return old;
  old.replaceWith(card);
  return card;
}

// --- taking back -----------------------------------------------------------

const UNDO_SECONDS = 30;
const undo = document.getElementById("undo");
const decided = []; // in this tab, and not taken back: { picture, answer }, in the order of the clicks
let fading = 0;

function remember(answer, picture) {
  const one = { picture, answer };
  decided.push(one);
  const drop = () => { if (decided.includes(one)) decided.splice(decided.indexOf(one), 1); };
  answer.then((given) => {
    if (!given) drop();
    else if (decided.at(-1) === one) offer(given.said);
  }, drop);
}

function forget(picture) {
  const place = decided.findLastIndex((one) => one.picture === picture);
  if (place >= 0) decided.splice(place, 1);
  undo.hidden = true;
}

function offer(sentence) {
  undo.querySelector("p").textContent = sentence;
  undo.hidden = false;
  clearTimeout(fading);
  fading = setTimeout(() => { undo.hidden = true; }, UNDO_SECONDS * 1000);
}

let takenBack = Promise.resolve();

undo.addEventListener("submit", (event) => {
  event.preventDefault();
  const last = decided.pop();
  undo.hidden = true;
  if (last) takenBack = takeBack(last, decided.length, takenBack);
});

// One after the other: the answers come in the order of the clicks, and the focus ends where the last one wants it.
// What was not answered can be taken back once more: it has its place among the decisions again.
async function takeBack(one, place, before) {
  const { picture, answer } = one;
  const body = new FormData(undo);
  if (picture) body.set("picture", picture);
  let decision, said;
  busy += 1;
  try {
    await before;
    ({ decision, said } = await answer ?? {});
    if (!decision) return;
    const { card } = await ask(grid.dataset.undo.replace("/0/", `/${decision}/`), { method: "POST", body });
    if (picture && cardOf(picture)) {
      replace(picture, card);
      cardOf(picture).focus();
    }
    say(`Taken back: ${said}`);
  } catch (error) {
    if (decision && error instanceof Unanswered) decided.splice(place, 0, one);
    say(error.message);
  } finally {
    busy -= 1;
    look();
  }
}

// --- the rest is fine ------------------------------------------------------

const rest = document.getElementById("rest");
const seen = new Set(); // cards that have been on the screen, by the picture's number

const watcher = new IntersectionObserver((changes) => {
  for (const { target, isIntersecting } of changes) if (isIntersecting) seen.add(target.dataset.picture);
  countRest();
}, { threshold: 0.5 });

const left = () => [...grid.querySelectorAll(".card:not(.decided)")].filter((card) => seen.has(card.dataset.picture));

function watch() {
  grid.querySelectorAll(".card").forEach((card) => watcher.observe(card));
  countRest();
}

function countRest() {
  const number = left().length;
  rest.hidden = number === 0;
  document.getElementById("rest-count").textContent = number;
}

rest.addEventListener("submit", async (event) => {
  event.preventDefault();
  await approveAll(left());
});

async function approveAll(cards) {
  const body = new FormData(rest);
  body.delete("picture");
  cards.flatMap((card) => [card.dataset.picture, ...copiesOf(card)]).forEach((id) => body.append("picture", id));
  busy += 1;
  try {
    const asked = ask(rest.action, { method: "POST", body });
    remember(asked);
    await asked;
  } catch (error) {
    say(error.message);
  } finally {
    busy -= 1;
    look();
  }
}

// --- what is new -----------------------------------------------------------

async function look() {
  if (asking || document.hidden) return;
  asking = true;
  clearTimeout(timer);
  try {
    const news = await ask(`${grid.dataset.changes}&since=${version}`);
    if (news && busy === 0) {
      news.cards.forEach(take);
      version = news.version;
      count(news.counts);
      tray();
    }
    state("Live", "on");
  } catch (error) {
    if (error.status === 409) location.reload(); // after a restore other pictures may have these numbers
    state(error instanceof Unanswered ? "No connection, trying again" : error.message, "off");
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

function take({ id, html, undecided, status, copies, member }) {
  if (cardOf(id)) {
    replaceKeepingFocus(id, html);
    return;
  }
  if (grid.dataset.member && grid.dataset.member.toLowerCase() !== member.toLowerCase()) return;
  copies.forEach((copy) => waiting.delete(copy));
  const older = undecided && copies.map(cardOf).find((card) => card && !card.classList.contains("decided"));
  if (older) { // one more copy of what lies here already: in its place, with the number of copies
    replaceKeepingFocus(older.dataset.picture, html);
    return;
  }
  const newest = Number(grid.querySelector(".card")?.dataset.picture || 0);
  const belongs = {
    undecided: undecided && ["published", "held", "replaced"].includes(status),
    held: status === "held",
    refused: status === "refused",
    decided: false, // who has this open sees decisions when they look again
    all: status !== "escalated",
  }[grid.dataset.show];
  if (belongs && "older" in grid.dataset === false && (id > newest || waiting.has(id))) waiting.set(id, html);
  else waiting.delete(id);
}

function replaceKeepingFocus(id, html) {
  const whole = cardOf(id) === document.activeElement;
  const place = [...cardOf(id).querySelectorAll("a, button")].indexOf(document.activeElement);
  const card = replace(id, html);
  if (whole) card.focus({ preventScroll: true });
  if (place < 0) return;
  const targets = card.querySelectorAll("a, button");
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
  watch();
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
  cardOf(first)?.focus({ preventScroll: true });
});

function count(counts) {
  for (const place of document.querySelectorAll("[data-count]")) {
    const number = counts[place.dataset.count];
    const inBar = place.closest(".bar") !== null;
    const most = inBar ? 99 : 999;
    place.textContent = number > most ? `${most}+` : number;
    place.hidden = inBar && number === 0;
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
watch();
look();
