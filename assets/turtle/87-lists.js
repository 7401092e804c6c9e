// Lists: states to tick, rows to compare, filters and rows that open on a phone. By delegation, so it survives every redraw.
"use strict";
(function () {
  const T = window.turtle;
  const on = (node) => node.getAttribute("aria-checked") === "true";
  const flip = (node) => node.setAttribute("aria-checked", on(node) ? "false" : "true");
  function picked(all) {
    const bar = all.querySelector("[data-compare]");
    if (!bar) return;
    const ids = Array.from(all.querySelectorAll("[data-pick]")).filter(on).map((one) => one.dataset.pick);
    bar.hidden = ids.length < 2;
    bar.querySelector("[data-picked]").textContent = ids.length;
    const to = new URL(bar.dataset.compare, location.href);
    to.searchParams.set("ids", ids.join(","));
    bar.href = to.pathname + to.search.replace(/%2C/g, ",");
    all.querySelectorAll("[data-pick]").forEach((one) => { one.disabled = !on(one) && ids.length >= Number(bar.dataset.most); });
  }
  // the names of what an opened row shows, as its columns are called
  function named(row) {
    const heads = row.closest("table").tHead.rows, last = heads[heads.length - 1].cells;
    Array.from(row.cells).forEach((cell, at) => { if (cell.colSpan === 1 && last[at] && last[at].dataset.label) cell.dataset.label = last[at].dataset.label; });
  }
  document.addEventListener("click", (event) => {
    const hit = (selector) => event.target.closest && event.target.closest(selector);
    let one;
    if ((one = hit("[data-state]")) && one.closest(".tt-states")) {
      flip(one);
      const all = one.closest(".tt-field"), field = all.querySelector("input[name=state]");
      field.value = Array.from(all.querySelectorAll("[data-state]")).filter(on).map((state) => state.dataset.state).join(",");
    } else if ((one = hit("[data-pick]"))) { flip(one); picked(one.closest(".tt-table-all"));
    } else if ((one = hit("[data-filters]"))) {
      const open = one.closest(".tt-filters").classList.toggle("tt-open");
      one.setAttribute("aria-expanded", open ? "true" : "false");
    } else if (T.phone() && !hit("a, button, input, summary, label") && (one = hit(".tt-table :is(tbody, tfoot) tr"))) { named(one); one.classList.toggle("tt-open"); }
  });
})();
