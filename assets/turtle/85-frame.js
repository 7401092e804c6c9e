// Theme, menus, drawer, times, copying, tables, downloads, keyboard.
"use strict";
(function () {
  const T = window.turtle;
  const root = document.documentElement;

  function theme(name) {
    root.setAttribute("data-bs-theme", name);
    try { localStorage.setItem("turtle-theme", name); } catch (error) { root.dataset.themeKept = "no"; }
    T.set("tt-theme", { data: name });
  }
  // paper is white: ink of the dark theme could not be read on it
  let screen = "";
  window.addEventListener("beforeprint", () => { screen = root.getAttribute("data-bs-theme"); root.setAttribute("data-bs-theme", "light"); });
  window.addEventListener("afterprint", () => { root.setAttribute("data-bs-theme", screen); });
  function times() {
    document.querySelectorAll("time[data-utc]").forEach((one) => {
      if (one.ttUtc === one.dataset.utc) return;
      one.ttUtc = one.dataset.utc;
      one.textContent = T.moment(Number(one.dataset.utc), one.dataset.style);
      one.title = one.dateTime + " · " + T.moment(Number(one.dataset.utc), "second") + " " + T.zone;
    });
  }
  function here() {
    const base = T.frame().base || "/";
    document.querySelectorAll(".tt-side .tt-nav[href]").forEach((one) => {
      const target = new URL(one.href, location.href);
      const on = target.origin === location.origin && (target.pathname === location.pathname || (target.pathname !== base && location.pathname.startsWith(target.pathname + "/")) || (target.pathname === base + "jobs" && location.pathname.startsWith(base + "job/")));
      one.classList.toggle("on", on);
      if (on) one.setAttribute("aria-current", "page"); else one.removeAttribute("aria-current");
    });
    document.querySelectorAll("a[data-sign-in]").forEach((one) => { const to = new URL(one.href, location.href); if (to.origin === location.origin) { to.searchParams.set("next", location.pathname + location.search); one.href = to.pathname + to.search; } });
  }
  T.onDom.push(times, here, tables);

  let last = 0;
  function mark() {
    const entries = Array.from(document.querySelectorAll(".tt-toc a"));
    let present = entries[0];
    entries.forEach((one) => { const target = document.getElementById(one.hash.slice(1)); if (target && target.getBoundingClientRect().top < 180) present = one; });
    entries.forEach((one) => one.classList.toggle("on", one === present));
  }
  window.addEventListener("scroll", () => { if (Date.now() - last > 80) { last = Date.now(); mark(); } }, { passive: true });
  T.onDom.push(mark);

  async function picture(card) {
    const plot = card.querySelector(".js-plotly-plot"), title = (card.querySelector("h3") || {}).textContent || "chart";
    if (!plot) return;
    const unit = (card.querySelector(".tt-unit") || {}).textContent || "";
    const layout = Object.assign({}, plot.layout, { paper_bgcolor: T.css("surface"), title: { text: title + (unit ? " · " + unit : ""), font: { color: T.css("ink"), size: 15 }, x: 0.02 }, margin: Object.assign({}, plot.layout.margin, { t: 74 }), height: 420, width: 900 });
    const url = await window.Plotly.toImage({ data: plot.data, layout }, { format: "png", scale: 2, width: 900, height: 420 });
    const link = document.createElement("a");
    link.href = url; link.download = title.replace(/\W+/g, "-").toLowerCase() + ".png"; link.click();
  }
  function withHere(link) {
    const to = new URL(link.getAttribute("href"), location.href), base = T.frame().base || "/";
    to.search = "";
    T.params().forEach((value, key) => to.searchParams.set(key, value));
    to.searchParams.set("at", "/" + location.pathname.slice(base.length));
    link.href = to.pathname + to.search;
  }
  function support(link) {
    const page = (document.querySelector(".tt-page[data-page]") || { dataset: {} }).dataset.page || "";
    link.href = link.dataset.support.replace("{page}", encodeURIComponent(page + " " + location.pathname + location.search)).replace("{incident}", "");
  }
  // Tables: the rows of this page, by a column's data-sort or its text
  const value = (row, col) => { const cell = row.cells[col]; return cell ? (cell.dataset.sort !== undefined ? cell.dataset.sort : cell.textContent.trim()) : ""; };
  function sort(table, col, down) {
    const body = table.tBodies[0], rows = Array.from(body.rows).filter((row) => !row.classList.contains("tt-rest"));
    const number = (text) => (text === "" ? NaN : Number(text));
    rows.sort((a, b) => {
      const x = value(a, col), y = value(b, col), m = number(x), n = number(y);
      if (isNaN(m) || isNaN(n)) { if (x === "" || y === "") return x === y ? 0 : x === "" ? 1 : -1; return (down ? -1 : 1) * x.localeCompare(y, undefined, { numeric: true }); }
      return (down ? -1 : 1) * (m - n);
    });
    rows.forEach((row) => body.appendChild(row));
    Array.from(table.tHead.rows[table.tHead.rows.length - 1].cells).forEach((cell, at) => { if (at === col) cell.setAttribute("aria-sort", down ? "descending" : "ascending"); else cell.removeAttribute("aria-sort"); });
    table.ttSort = { col, down };
  }
  function tables() {
    document.querySelectorAll("table.tt-table").forEach((table) => {
      const print = table.tBodies[0] ? table.tBodies[0].rows.length + "/" + (table.dataset.read || "") : "";
      if (table.ttSort && table.ttPrint !== print) sort(table, table.ttSort.col, table.ttSort.down);
      table.ttPrint = print;
    });
  }
  function filter(box) {
    const table = box.closest(".tt-table-all").querySelector("table"), wanted = box.value.trim().toLowerCase();
    let shown = 0;
    Array.from(table.tBodies[0].rows).forEach((row) => { row.hidden = wanted !== "" && !row.textContent.toLowerCase().includes(wanted); shown += row.hidden ? 0 : 1; });
    const told = box.closest(".tt-table-all").querySelector("[data-shown]");
    if (told) told.textContent = wanted ? shown + " " + T.words("of") + " " + table.tBodies[0].rows.length + " " + T.words("rows") : "";
  }
  document.addEventListener("input", (event) => { if (event.target.matches && event.target.matches("input.tt-filter, .tt-filter input")) filter(event.target); });

  const drawer = (open) => { document.body.classList.toggle("tt-drawer", open); document.querySelectorAll("button[data-drawer]").forEach((one) => one.setAttribute("aria-expanded", String(open))); };
  document.addEventListener("click", (event) => {
    const hit = (selector) => event.target.closest && event.target.closest(selector);
    let one;
    document.querySelectorAll("details.tt-drop[open]").forEach((box) => { if (!box.contains(event.target)) box.open = false; });
    if (hit("[data-theme-toggle]")) theme(root.getAttribute("data-bs-theme") === "dark" ? "light" : "dark");
    else if (hit("[data-drawer]")) drawer(!document.body.classList.contains("tt-drawer"));
    else if (hit(".tt-side a")) drawer(false);
    else if (hit("[data-reload]")) location.reload();
    else if ((one = hit("[data-png]"))) { picture(one.closest(".tt-card")); one.closest("details").open = false; }
    else if ((one = hit("[data-copy]"))) copy(one);
    else if ((one = hit("th[data-col]"))) { const table = one.closest("table"); sort(table, one.cellIndex, one.getAttribute("aria-sort") === "ascending" || (!one.hasAttribute("aria-sort") && one.dataset.col === "number")); }
    if ((one = hit("a[data-here]"))) { withHere(one); const box = one.closest("details"); if (box) setTimeout(() => { box.open = false; }, 0); }
    if ((one = hit("a[data-support]"))) support(one);
    if ((one = hit("a[data-same-path]")) && !one.ttDone) { one.ttDone = true; one.href = one.href.replace(/\/$/, "") + "/" + location.pathname.slice((T.frame().base || "/").length); }
  }, true);
  async function copy(button) {
    const label = button.querySelector("span:last-child"), before = label.textContent;
    try { await navigator.clipboard.writeText(button.dataset.copy); } catch (error) {
      const area = document.createElement("textarea");
      area.value = button.dataset.copy; document.body.appendChild(area); area.select(); document.execCommand("copy"); area.remove();
    }
    label.textContent = T.words("copied");
    setTimeout(() => { label.textContent = before; }, 1400);
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { drawer(false); document.querySelectorAll("details.tt-drop[open]").forEach((box) => { box.open = false; box.querySelector("summary").focus(); }); return; }
    const th = event.target.closest && event.target.closest("th[data-col]");
    if (th && (event.key === "Enter" || event.key === " ")) { event.preventDefault(); th.click(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || event.target.isContentEditable) return;
    if (event.key === "r") T.reload(true);
    if (event.key === "b") T.stepBack();
  });
  // Of a page about one thing the window's title names it: windows side by side are told apart
  let named = "";
  function title() {
    const head = document.querySelector('.tt-page[data-path*="<"] h1'), name = head ? head.textContent.trim() + " · " : "";
    if (named && named !== name && document.title.startsWith(named)) document.title = document.title.slice(named.length);
    if (name && !document.title.startsWith(name)) document.title = name + document.title;
    named = name;
  }
  T.onDom.push(title);
  T.sessionEnded = function () {
    if (T.giveUp) T.giveUp();
    const box = document.getElementById("tt-ended");
    if (!box || box.childNodes.length) return;
    const link = document.createElement("a"), to = new URL(T.frame().signin || location.href, location.href);
    if (T.frame().signin && to.origin === location.origin) to.searchParams.set("next", location.pathname + location.search);
    link.href = to.href; link.className = "tt-btn tt-btn-small"; link.textContent = T.words("sign_in");
    box.append(T.words("ended"), link);
  };
})();
