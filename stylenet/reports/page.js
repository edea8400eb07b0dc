const dialog = document.querySelector("dialog");
const part = (selector) => dialog.querySelector(selector);
const shots = [...document.querySelectorAll(".shot")];
let shown = 0;

function compare(index) {
  shown = (index + shots.length) % shots.length;
  const shot = shots[shown];
  const cell = shot.closest(".cell");
  const original = document.getElementById(shot.dataset.photo);
  part(".original").src = original.src;
  part(".stylized").src = shot.querySelector("img").src;
  part("h2").textContent = cell.dataset.title + ", " + original.alt;
  part(".facts").innerHTML = cell.querySelector(".facts").innerHTML;
  part("code").textContent = cell.dataset.command;
  part(".copy").textContent = "Copy";
  if (!dialog.open) dialog.showModal();
}

shots.forEach((shot, index) => shot.addEventListener("click", () => compare(index)));
part(".previous").addEventListener("click", () => compare(shown - 1));
part(".next").addEventListener("click", () => compare(shown + 1));
part(".close").addEventListener("click", () => dialog.close());
part(".copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(part("code").textContent);
  part(".copy").textContent = "Copied";
});
dialog.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") compare(shown - 1);
  if (event.key === "ArrowRight") compare(shown + 1);
});
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close(); // the backdrop
});

function order(a, b) {
  if (a === "" || b === "") return 0;
  return isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b;
}

function sort(header) {
  const rising = header.ariaSort !== "ascending";
  const body = header.closest("table").tBodies[0];
  const key = (row) => row.cells[header.cellIndex].dataset.key;
  const rows = [...body.rows].sort((a, b) => {
    const missing = (key(a) === "") - (key(b) === ""); // last, either way
    return missing || (rising ? 1 : -1) * order(key(a), key(b));
  });
  for (const other of header.parentElement.cells) other.removeAttribute("aria-sort");
  header.ariaSort = rising ? "ascending" : "descending";
  body.append(...rows);
}

for (const button of document.querySelectorAll(".runs th button")) {
  button.addEventListener("click", () => sort(button.parentElement));
}
