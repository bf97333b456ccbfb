/* Tables that the reader can sort: a button in each heading. Numbers first go down, words first go up. */
addEventListener("DOMContentLoaded", () => {
  for (const heading of document.querySelectorAll("table.sortable thead th")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    button.addEventListener("click", () => sortBy(heading));
    heading.replaceChildren(button);
  }
});

function sortBy(heading) {
  const body = heading.closest("table").tBodies[0];
  const place = heading.cellIndex;
  const key = (row) => row.cells[place].dataset.value ?? row.cells[place].textContent;
  const isNumber = (row) => row.cells[place].dataset.value !== undefined;
  const before = heading.ariaSort;
  const falls = before ? before === "ascending" : [...body.rows].some(isNumber);
  for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", falls ? "descending" : "ascending");
  const compare = (one, other) => isNumber(one) && isNumber(other)
    ? Number(key(one)) - Number(key(other))
    : isNumber(one) - isNumber(other) || key(one).localeCompare(key(other), "en", { numeric: true });
  body.append(...[...body.rows].sort((one, other) => (falls ? -1 : 1) * compare(one, other)));
}
