// Sections load when they come into sight; all read the page's address, so the address is the state.
"use strict";
(function () {
  const T = window.turtle;
  const PATIENCE = 16000;
  let count = 0;
  const sections = () => Array.from(document.querySelectorAll(".tt-section[data-section]"));
  const path = () => location.pathname.slice(T.frame().base ? T.frame().base.length - 1 : 0) || "/";
  const page = () => document.querySelector(".tt-page[data-page]");

  function load(section) {
    count += 1;
    section.ttVisit = section.dataset.visit;
    section.ttN = count;
    section.classList.add("tt-loading");
    clearTimeout(section.ttTimer);
    section.ttTimer = setTimeout(() => late(section), PATIENCE);
    T.set({ type: "load", section: section.dataset.section }, { data: { path: path(), search: location.search, width: T.phone() ? "narrow" : "wide", n: count } });
  }
  function late(section) {
    if (!section.classList.contains("tt-loading") || section.querySelector(":scope > .tt-late")) return;
    const box = document.createElement("div");
    box.className = "tt-notice tt-warn tt-late";
    const again = document.createElement("button");
    again.className = "tt-btn tt-btn-small"; again.type = "button"; again.textContent = T.words("again");
    again.addEventListener("click", () => { box.remove(); load(section); });
    box.append(T.words("late"), again);
    section.prepend(box);
  }
  // nothing more will come: what is shown stays as it is, no longer dimmed as if it were about to change
  T.giveUp = () => sections().forEach((one) => { clearTimeout(one.ttTimer); one.classList.remove("tt-loading"); });
  function done(data) {
    const none = window.dash_clientside.no_update;
    if (!data) return none;
    const section = sections().find((one) => one.dataset.section === data.section);
    if (section && section.ttN <= data.n) {
      clearTimeout(section.ttTimer);
      section.classList.remove("tt-loading");
      section.querySelectorAll(":scope > .tt-late").forEach((box) => box.remove());
    }
    if (data.from && data.to) { T.span = { from: data.from, to: data.to }; if (T.label) T.label(); }
    document.querySelectorAll("[data-read]").forEach((one) => { one.textContent = T.clock(new Date(data.at * 1000), true); });
    T.settle();
    return none;
  }
  const watcher = new IntersectionObserver((entries) => entries.forEach((entry) => {
    if (!entry.isIntersecting) return;
    watcher.unobserve(entry.target);
    if (entry.target.ttVisit !== entry.target.dataset.visit) load(entry.target);
  }), { rootMargin: "350px 0px" });

  T.onDom.push(() => {
    const shown = page();
    if (shown && shown.dataset.visit !== T.visit) {
      T.visit = shown.dataset.visit;
      T.span = { from: Number(shown.dataset.from), to: Number(shown.dataset.to) };
      if (T.label) T.label();
      if (T.arrived) T.arrived();
    }
    sections().filter((one) => one.ttVisit !== one.dataset.visit && one.ttWatched !== one.dataset.visit).forEach((one) => {
      one.ttWatched = one.dataset.visit;
      if (one.dataset.eager) load(one); else watcher.observe(one);
    });
  });
  // What rules of style could find by :has() anywhere below is marked here instead: they were asked anew for each label that a
  // chart measures, which took longer than all the drawing.
  T.onDom.push(() => {
    document.body.classList.toggle("tt-no-page", !!document.querySelector(".tt-refused"));
    document.querySelectorAll(".tt-panel").forEach((one) => {
      one.classList.toggle("tt-left-out", !!one.querySelector(":scope > .tt-message > .tt-hide"));
      one.classList.toggle("tt-in-a-line", !!one.querySelector(":scope > .tt-message > .tt-slim"));
    });
    sections().forEach((one) => one.classList.toggle("tt-in-a-line", !!one.querySelector(":scope > .tt-grid > .tt-panel.tt-in-a-line")));
  });
  // `all`: also sections that never refresh by themselves; those not yet seen load when they are
  T.reload = (all) => sections().filter((one) => one.ttVisit === one.dataset.visit && (all || one.dataset.refresh)).forEach(load);
  window.dash_clientside = Object.assign({}, window.dash_clientside, { turtle: Object.assign({}, (window.dash_clientside || {}).turtle, { done }) });

  const fetched = window.fetch;
  window.fetch = async function (...sent) {
    const ours = String(sent[0] && sent[0].url ? sent[0].url : sent[0]).includes("_dash-update-component");
    try {
      const answer = await fetched.apply(this, sent);
      if (ours && answer.status >= 500) sections().forEach(late);
      return answer;
    } catch (error) {
      if (ours) sections().forEach(late);
      throw error;
    }
  };
})();
