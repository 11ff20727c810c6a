// What the theme leaves out for those who read without a mouse: names of the buttons that unfold the list of pages,
// and a way to scroll wide tables by keys.
document.addEventListener("DOMContentLoaded", () => {
  for (const summary of document.querySelectorAll("summary:has(.toctree-toggle)"))
    summary.setAttribute("aria-label", `pages below ${summary.closest("li")?.querySelector("a")?.textContent ?? ""}`);
  const reach = () => {
    for (const each of document.querySelectorAll(".bd-article table.table, .bd-article div.math"))
      if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
  };
  reach();
  addEventListener("load", reach);
  addEventListener("resize", reach);
});
