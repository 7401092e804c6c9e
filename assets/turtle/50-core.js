// What all scripts of the frame share. Acts on the DOM Dash draws by delegation, so it survives every redraw.
"use strict";
window.turtle = (function () {
  const known = {};
  const words = (key) => (document.getElementById("tt-words") || { dataset: {} }).dataset[key.replace(/_(.)/g, (_, c) => c.toUpperCase())] || "";
  const frame = () => (document.getElementById("tt-base") || { dataset: {} }).dataset;
  const params = () => new URLSearchParams(location.search);
  const set = (id, props) => window.dash_clientside.set_props(id, props);
  const phone = () => window.matchMedia("(max-width: 640px)").matches;
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue("--tt-" + name).trim();
  const two = (n) => String(n).padStart(2, "0");
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const clock = (d, seconds) => two(d.getHours()) + ":" + two(d.getMinutes()) + (seconds ? ":" + two(d.getSeconds()) : "");
  const day = (d) => d.getDate() + " " + months[d.getMonth()] + (d.getFullYear() === new Date().getFullYear() ? "" : " " + d.getFullYear());
  const moment = (utc, style) => {
    const d = new Date(utc * 1000);
    const today = style === "near" && d.toDateString() === new Date().toDateString();
    return today ? clock(d, false) : style === "day" ? day(d) : day(d) + " " + clock(d, style === "second");
  };
  // the reader's zone by name and by hours: a name alone leaves one to guess (UTC itself needs no hours)
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const ahead = -new Date().getTimezoneOffset(), size = Math.abs(ahead);
  const hours = "UTC" + (ahead ? (ahead < 0 ? "−" : "+") + Math.floor(size / 60) + (size % 60 ? ":" + two(size % 60) : "") : "");
  const zone = name === hours ? name : name + " (" + hours + ")";
  const onDom = [];
  let waiting = false;
  const settle = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; onDom.forEach((act) => act()); });
  };
  document.addEventListener("DOMContentLoaded", () => {
    new MutationObserver(settle).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-utc", "data-visit"] });
    settle();
  });
  return Object.assign(known, { words, frame, params, set, phone, css, clock, day, moment, onDom, settle, zone });
})();
