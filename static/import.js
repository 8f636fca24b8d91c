// Shows what an import would do without leaving the page, so that the files need not be chosen again to block them.

const form = document.getElementById("import");
const plan = document.getElementById("plan");
const error = document.getElementById("error");

form.addEventListener("submit", async (event) => {
  if (event.submitter?.name === "go") return; // the form goes as it is
  event.preventDefault();
  const button = form.querySelector("button.primary");
  button.disabled = true;
  plan.textContent = "Reading the pictures…";
  error.hidden = true;
  try {
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/json" } });
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.error);
    plan.innerHTML = said.html; // made by our own templates
  } catch (failure) {
    plan.textContent = "";
    error.textContent = failure instanceof TypeError ? "No connection. Please try again." : failure.message;
    error.hidden = false;
  } finally {
    button.disabled = false;
  }
});

form.elements.file.addEventListener("change", () => { plan.textContent = ""; }); // other files, another plan
