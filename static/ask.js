// The panel that asks before a large sweep. It lies over the cards below the one that was clicked, and moves none.

// What the moderator answers: the form to be sent and the button it was sent with, or null to leave all as it is.
function choose(html, card) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const panel = template.content.firstElementChild;
  const form = panel.querySelector("form");
  const all = panel.querySelector("[data-all]");
  const boxes = [...panel.querySelectorAll("input[name=take]")];
  const tell = () => {
    const ticked = boxes.filter((box) => box.checked).length;
    all.textContent = ticked === boxes.length ? all.dataset.all : `Take down ${ticked + 1}`;
    all.hidden = ticked === 0 && boxes.length > 0;
  };
  tell();
  const before = document.activeElement.closest(".card") || card;
  grid.append(panel);
  panel.style.top = `${card.offsetTop + card.offsetHeight + 6}px`;
  panel.focus({ preventScroll: true });
  panel.scrollIntoView({ block: "nearest" });

  return new Promise((resolve) => {
    const answer = (given) => {
      panel.remove();
      before.focus({ preventScroll: true });
      resolve(given);
    };
    form.addEventListener("change", tell);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      event.stopPropagation(); // the grid listens for the forms of its cards
      answer(new FormData(form, event.submitter));
    });
    panel.querySelector("[data-cancel]").addEventListener("click", (event) => {
      event.preventDefault();
      answer(null);
    });
    panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") answer(null);
      event.stopPropagation(); // no key decides on a card while the question is open
    });
  });
}
