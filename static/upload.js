// Shows the chosen file before it is sent, and says at once when it is too large.

const form = document.getElementById("upload");
const input = form.elements.picture;
const preview = document.getElementById("preview");
const error = document.getElementById("error");
const most = Number(form.dataset.mostBytes);

input.addEventListener("change", () => {
  const file = input.files[0];
  if (preview.src) URL.revokeObjectURL(preview.src);
  preview.hidden = true;
  if (file) preview.src = URL.createObjectURL(file);
  const large = Boolean(file) && file.size > most;
  error.textContent = large ? `The file is larger than ${most / 1e6} MB. Please choose a smaller picture.` : "";
  error.hidden = !large;
  input.setAttribute("aria-invalid", large);
});

preview.addEventListener("load", () => { preview.hidden = false; });

form.addEventListener("submit", (event) => {
  if (!error.hidden && error.textContent) {
    event.preventDefault();
    input.focus();
    return;
  }
  form.querySelector("button").disabled = true;
});
// The page comes back from the browser's memory with its button still off.
window.addEventListener("pageshow", () => { form.querySelector("button").disabled = false; });
