// Where tabs do not fit beside each other and scroll, the one that is open is in sight. Menus of the bar close by
// themselves: one at a time, with Escape, and when something else is pressed.

for (const tab of document.querySelectorAll("nav > [aria-current], .tabs > [aria-current]")) {
  const row = tab.parentElement;
  row.scrollLeft = tab.offsetLeft - row.offsetLeft - (row.clientWidth - tab.clientWidth) / 2;
}

function closeDrops(but = null) {
  for (const menu of document.querySelectorAll(".drop[open]")) {
    if (menu === but) continue;
    if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
    menu.open = false;
  }
}

document.addEventListener("click", (event) => closeDrops(event.target.closest(".drop")));
document.addEventListener("keydown", (event) => { if (event.key === "Escape") closeDrops(); });
