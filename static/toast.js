// Says something at the foot of any page, and takes it away again.

const toast = document.getElementById("toast");
let silence = 0;

function say(sentence) {
  toast.textContent = sentence;
  toast.hidden = false;
  clearTimeout(silence);
  silence = setTimeout(() => { toast.hidden = true; }, 8000);
}
