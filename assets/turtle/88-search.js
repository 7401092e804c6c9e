// Search: a field in the top bar, a dialog on a phone. What comes back are texts and addresses, never markup.
"use strict";
(function () {
  const T = window.turtle;
  const WAIT = 160, LONGEST = 200, RECENT = 8;
  const base = () => T.frame().base || "/";
  const make = (tag, className, text) => { const one = document.createElement(tag); if (className) one.className = className; if (text) one.textContent = text; return one; };
  let box, input, list, told, opener, timer = 0, asked = 0, stop = null, chosen = -1, moved = false, before = null, shownFor = null;

  function build() {
    box = document.getElementById("tt-search");
    if (!box || box.ttBuilt) return;
    box.ttBuilt = true;
    const say = box.dataset;
    opener = make("button", "tt-btn tt-search-open");
    Object.assign(opener, { type: "button", title: say.hint });
    opener.append(make("span", "tt-i tt-i-search"), make("span", "visually-hidden", say.hint));
    const pane = make("div", "tt-search-pane"), row = make("div", "tt-search-row"), close = make("button", "tt-search-close");
    input = make("input");
    Object.assign(input, { type: "text", placeholder: say.hint, autocomplete: "off", spellcheck: false, maxLength: 10000, id: "tt-search-input" });
    Object.entries({ role: "combobox", "aria-label": say.full, "aria-expanded": "false", "aria-controls": "tt-search-list", "aria-autocomplete": "list", autocapitalize: "off", enterkeyhint: "go" }).forEach(([key, text]) => input.setAttribute(key, text));
    Object.assign(close, { type: "button", title: say.close });
    close.append(make("span", "tt-i tt-i-x-lg"), make("span", "visually-hidden", say.close));
    list = make("div", "tt-search-list");
    list.id = "tt-search-list";
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", say.results);
    told = make("div", "visually-hidden");
    told.setAttribute("role", "status");
    row.append(make("span", "tt-i tt-i-search"), input, make("kbd", "", "/"), close);
    pane.append(row, list, told);
    box.append(opener, pane);
    opener.addEventListener("click", open);
    close.addEventListener("click", shut);
    input.addEventListener("focus", open);
    input.addEventListener("input", typed);
    input.addEventListener("keydown", keys);
    list.addEventListener("mousedown", (event) => event.preventDefault()); // the field keeps the focus
    list.addEventListener("mousemove", (event) => { const one = event.target.closest("[role=option]"); if (one) choose(options().indexOf(one)); });
    list.addEventListener("click", follow);
    box.addEventListener("focusout", (event) => { if (event.relatedTarget && !box.contains(event.relatedTarget)) shut(false); });
  }
  const options = () => Array.from(list.querySelectorAll("[role=option]"));
  const typedText = () => input.value.trim().slice(0, LONGEST);
  const isOpen = () => box && box.classList.contains("tt-open");

  function open() {
    build();
    if (!box) return;
    if (!isOpen()) {
      if (document.activeElement && !box.contains(document.activeElement)) before = document.activeElement;
      box.classList.add("tt-open");
      document.body.classList.toggle("tt-searching", T.phone());
      if (T.phone()) { box.setAttribute("role", "dialog"); box.setAttribute("aria-modal", "true"); box.setAttribute("aria-label", box.dataset.hint); }
      input.setAttribute("aria-expanded", "true");
      input.placeholder = box.dataset.full;
      if (shownFor !== typedText()) ask();
    }
    if (document.activeElement !== input) { input.focus(); input.select(); }
  }
  function shut(back) {
    if (!isOpen()) return;
    clearTimeout(timer);
    if (stop) stop.abort();
    box.classList.remove("tt-open", "tt-busy");
    document.body.classList.remove("tt-searching");
    ["role", "aria-modal", "aria-label"].forEach((name) => box.removeAttribute(name));
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    input.placeholder = box.dataset.hint;
    input.value = "";
    shownFor = null;
    moved = false;
    list.replaceChildren();
    told.textContent = "";
    if (back === false) return;
    input.blur();
    if (before && before.isConnected && before !== document.body) before.focus({ preventScroll: true });
    before = null;
  }
  function typed() {
    moved = false;
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT);
  }
  async function ask() {
    const text = typedText(), mine = ++asked;
    if (stop) stop.abort();
    stop = new AbortController();
    box.classList.add("tt-busy");
    let found;
    try {
      const answer = await fetch(base() + "search?q=" + encodeURIComponent(text.toWellFormed ? text.toWellFormed() : text), { credentials: "same-origin", signal: stop.signal });
      if (answer.status === 401) { if (mine === asked) { shut(); T.sessionEnded(); } return; }
      found = await answer.json();
      if (!answer.ok) throw new Error(found.error || "");
    } catch (error) {
      if (mine !== asked || error.name === "AbortError") return;
      found = { failed: error instanceof TypeError || error instanceof SyntaxError || !error.message ? box.dataset.failed : error.message };
    }
    if (mine !== asked || !isOpen()) return;
    box.classList.remove("tt-busy");
    shownFor = text; // what was asked: more may have been typed while the answer was on its way
    show(found, text);
  }
  function show(found, text) {
    const kept = moved && chosen >= 0 ? options()[chosen].href : null;
    const groups = (found.groups || []).slice();
    if (!text) { const rows = recent(); if (rows.length) groups.unshift({ title: box.dataset.recent, rows, note: "" }); }
    list.replaceChildren(...groups.map(group));
    if (found.failed) list.append(make("div", "tt-search-note tt-bad-note", found.failed));
    else if (!groups.length) list.append(make("div", "tt-search-note", box.dataset.none));
    const count = options().length;
    told.textContent = found.failed || (count ? count + " " + box.dataset.results : box.dataset.none);
    // a choice made with the arrows stays when the same is found again
    const again = kept ? options().findIndex((one) => one.href === kept) : -1;
    moved = again >= 0;
    choose(moved ? again : count && text ? 0 : -1);
  }
  function group(one, place) {
    const part = make("div", "tt-search-group"), title = make("div", "tt-search-title", one.title);
    title.id = "tt-search-title-" + place;
    part.setAttribute("role", "group");
    part.setAttribute("aria-labelledby", title.id);
    part.append(title, ...one.rows.map((row, at) => option(row, place + "-" + at)));
    if (one.note) part.append(make("div", one.failed ? "tt-search-note tt-bad-note" : "tt-search-note", one.note));
    return part;
  }
  function option(row, id) {
    const one = make("a", "tt-search-hit"), words = make("span", "tt-search-words");
    one.id = "tt-search-" + id;
    one.href = T.carried ? T.carried(row.href) : row.href;
    one.tabIndex = -1;
    one.setAttribute("role", "option");
    one.setAttribute("aria-selected", "false");
    words.append(make("bdi", "tt-search-text", row.text));
    if (row.detail) words.append(make("bdi", "tt-search-detail", row.detail));
    one.append(make("span", "tt-i tt-i-" + String(row.icon).replace(/[^a-z0-9-]/g, "")), words);
    if (row.state) one.append(make("span", "tt-pill tt-" + String(row.tone).replace(/[^a-z]/g, ""), row.state));
    return one;
  }
  function choose(place) {
    const all = options();
    chosen = all.length ? Math.max(-1, Math.min(place, all.length - 1)) : -1;
    all.forEach((one, at) => { one.classList.toggle("tt-on", at === chosen); one.setAttribute("aria-selected", String(at === chosen)); });
    if (chosen < 0) { input.removeAttribute("aria-activedescendant"); return; }
    input.setAttribute("aria-activedescendant", all[chosen].id);
    all[chosen].scrollIntoView({ block: "nearest" });
  }
  async function keys(event) {
    const count = options().length;
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const next = chosen + (event.key === "ArrowDown" ? 1 : -1);
      choose(next >= count ? 0 : next < 0 ? count - 1 : next);
      moved = count > 0;
    } else if (event.key === "Enter") {
      event.preventDefault();
      // what is shown may be of what was typed before: ask first, but for a choice made with the arrows among what is shown
      if (!moved && shownFor !== typedText()) { clearTimeout(timer); await ask(); }
      // a busy portal may fail once: who pressed Enter should not have to press it again
      if (isOpen() && !options().length && list.querySelector(".tt-bad-note")) await ask();
      const one = options()[chosen < 0 ? 0 : chosen];
      if (!one) return;
      if (event.ctrlKey || event.metaKey) window.open(one.href, "_blank", "noopener"); else go(one);
    } else if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); shut();
    } else if (event.key === "Tab") shut(false);
  }
  function go(one) {
    const href = one.getAttribute("href");
    before = null;
    shut();
    T.open(href);
  }
  function follow(event) {
    const one = event.target.closest("[role=option]");
    if (!one || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0) return;
    event.preventDefault();
    go(one);
  }
  // What was visited last, in this tab only: another person at this browser does not see it
  const key = () => "turtle-visited-" + box.dataset.who;
  const kept = () => { try { return JSON.parse(sessionStorage.getItem(key()) || "[]"); } catch (error) { return []; } };
  const plain = (name) => { try { return decodeURIComponent(name); } catch (error) { return name; } };  // an address may hold a % that means nothing
  function recent() {
    return kept().map((path) => {
      const [kind, name] = path.split("/").slice(1), icons = { job: "list-task", user: "person", account: "people", node: "pc-display" };
      return { text: plain(name), detail: "", icon: icons[kind], href: base() + path.slice(1) };
    });
  }
  function visited() {
    build();
    const page = document.querySelector(".tt-page[data-page]");
    if (!box || !page || page.dataset.visit === visited.last) return;
    visited.last = page.dataset.visit;
    const path = "/" + location.pathname.slice(base().length);
    if (!/^\/(job|user|account|node)\/[^/]+$/.test(path)) return;
    try { sessionStorage.setItem(key(), JSON.stringify([path, ...kept().filter((one) => one !== path)].slice(0, RECENT))); } catch (error) { visited.failed = true; }
  }
  T.onDom.push(visited);

  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) || event.target.isContentEditable;
    const shortcut = (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) || ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k");
    if (!shortcut) return;
    build();
    if (!box) return;
    event.preventDefault();
    open();
  });
  document.addEventListener("pointerdown", (event) => { if (isOpen() && !box.contains(event.target)) shut(false); });
})();
