/* Tables of voicebench: sorted by a click on a title, filtered by a word, saved as CSV. */
(() => {
  if (window.voicebenchTables) return;
  window.voicebenchTables = true;
  const main = (cell) => cell.querySelector("b")?.textContent ?? cell.textContent;
  const detail = (cell) => cell.querySelector("small")?.textContent ?? "";
  const number = (text) => {
    const found = /[−-]?\d[\d,]*\.?\d*/.exec(text);
    return found ? Number(found[0].replace("−", "-").replaceAll(",", "")) : -Infinity;
  };
  const sort = (title) => {
    const place = title.cellIndex, isNumber = title.classList.contains("num");
    const isUp = title.getAttribute("aria-sort") !== "ascending";
    const body = title.closest("table").tBodies[0];
    const rows = [...body.rows].map((row) => {
      const text = main(row.cells[place]);
      return { row, key: isNumber ? number(text) : text };
    });
    rows.sort((a, b) => (isNumber ? a.key - b.key || 0 : a.key.localeCompare(b.key)) * (isUp ? 1 : -1));
    for (const other of title.parentNode.cells) other.setAttribute("aria-sort", "none");
    title.setAttribute("aria-sort", isUp ? "ascending" : "descending");
    body.append(...rows.map((each) => each.row));
  };
  const quoted = (text) => `"${text.replaceAll('"', '""')}"`;
  const save = (button) => {
    const table = button.closest(".table").querySelector("table");
    const lines = [...table.rows].map((row) =>
      [...row.cells].flatMap((cell) => [quoted(main(cell)), quoted(detail(cell))]).join(","));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(["\ufeff" + lines.join("\r\n") + "\r\n"], { type: "text/csv" }));
    link.download = `${button.dataset.name}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  document.addEventListener("click", (event) => {
    const title = event.target.closest?.(".vb th[aria-sort]");
    const button = event.target.closest?.(".vb button.csv");
    if (title) sort(title);
    if (button) save(button);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches?.(".vb th[aria-sort]")) sort(event.target);
  });
  document.addEventListener("input", (event) => {
    if (!event.target.matches?.(".vb .tools input")) return;
    const word = event.target.value.toLowerCase();
    for (const row of event.target.closest(".table").querySelector("table").tBodies[0].rows)
      row.hidden = !row.textContent.toLowerCase().includes(word);
  });
})();
