// Keeps the claim on an open case; says so when somebody has taken it over. What was typed stays, to be copied.

const claim = document.getElementById("claim");
const taken = document.getElementById("taken");
const RENEWED_EVERY_MS = 5 * 60 * 1000;

const renewal = claim.hidden && setInterval(async () => {
  const options = { method: "POST", body: new FormData(claim), headers: { Accept: "application/json" } };
  const answer = await fetch(claim.action, options).catch(() => null);
  if (!answer?.ok) {
    if (taken) say("Your claim could not be renewed: somebody else may take this over. What you have typed stays.");
    return;
  }
  const { mine, by } = await answer.json();
  if (mine) return;
  clearInterval(renewal);
  if (!taken) return; // there is nothing to decide here
  taken.textContent = `${by} has taken this over. What you have typed stays here until you leave the page.`;
  taken.hidden = false;
  taken.closest("form").querySelectorAll("button").forEach((button) => { button.disabled = true; });
}, RENEWED_EVERY_MS);
