// Where tabs do not fit beside each other and scroll, the one that is open is in sight.

for (const tab of document.querySelectorAll("nav [aria-current]")) {
  const row = tab.parentElement;
  row.scrollLeft = tab.offsetLeft - row.offsetLeft - (row.clientWidth - tab.clientWidth) / 2;
}
