// Keeps the claim on an open case; says so when somebody has taken it over.

const claim = document.getElementById("claim");
const RENEWED_EVERY_MS = 5 * 60 * 1000;

if (claim.hidden) {
  setInterval(async () => {
    const options = { method: "POST", body: new FormData(claim), headers: { Accept: "application/json" } };
    const answer = await fetch(claim.action, options).catch(() => null);
    if (answer?.ok && !(await answer.json()).mine) location.reload();
  }, RENEWED_EVERY_MS);
}
