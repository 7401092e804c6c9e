// Time range and refresh live in the address; changing them rereads the sections and never calls Dash's router.
"use strict";
(function () {
  const T = window.turtle;
  let depth = 0, every = 0, read = Date.now(), known = location.pathname + location.search;
  const iso = (d) => d.toISOString().slice(0, 19) + "Z";

  function go(changes, push) {
    const now = T.params();
    Object.entries(changes).forEach(([key, value]) => (value ? now.set(key, value) : now.delete(key)));
    const text = now.toString().replace(/%3A/g, ":"), target = location.pathname + (text ? "?" + text : "") + location.hash;
    if (target === location.pathname + location.search + location.hash) return false;
    if (push) { history.pushState({}, "", target); depth += 1; } else history.replaceState(history.state, "", target);
    known = location.pathname + location.search;
    T.settle();
    return true;
  }
  T.zoom = (low, high) => { if (high - low >= 1000 && go({ from: iso(low), to: iso(high) }, true)) apply(); };
  T.stepBack = () => { if (depth > 0) history.back(); };
  function apply() { T.label(); read = Date.now(); T.reload(true); }

  T.label = function () {
    const label = document.querySelector('[data-label="range"]');
    if (!label) return;
    const p = T.params(), from = p.get("from") || "", to = p.get("to") || "now";
    const preset = to === "now" ? document.querySelector('[data-range="' + CSS.escape(from) + '"]:not([data-range=""])') : null;
    let text = preset ? preset.textContent : "";
    if (!text && T.span) {
      const a = new Date(T.span.from * 1000), b = new Date(T.span.to * 1000);
      const hours = Math.round((T.span.to - T.span.from) / 3600);
      const usual = { 1: "now-1h", 6: "now-6h", 24: "now-24h", 168: "now-7d", 720: "now-30d", 2160: "now-90d" }[hours];
      const near = !from && usual && Date.now() - b < 120000 ? document.querySelector('[data-range="' + usual + '"]') : null;
      text = near ? near.textContent : T.day(a) + " " + T.clock(a) + " – " + (T.day(a) === T.day(b) ? "" : T.day(b) + " ") + T.clock(b);
    }
    label.textContent = text || T.words("usual");
    document.querySelectorAll("[data-range]").forEach((one) => one.classList.toggle("on", one.dataset.range === from && to === "now"));
    document.querySelectorAll("[data-range-back]").forEach((one) => { one.style.display = depth === 0 ? "none" : ""; one.disabled = depth === 0; });
    document.querySelectorAll("[data-zone]").forEach((one) => { one.textContent = T.zone; });
    interval();
  };
  function interval() {
    const asked = Number(T.params().get("refresh"));
    if ([30, 60, 300].includes(asked)) every = asked;
    document.querySelectorAll("[data-refresh-every]").forEach((one) => {
      const on = Number(one.dataset.refreshEvery) === every;
      one.classList.toggle("on", on);
      const label = document.querySelector('[data-label="refresh"]');
      if (on && label) label.textContent = one.textContent;
    });
  }
  // pages without sections (not found, signed out) have a frame as well
  T.onDom.push(() => { const zone = document.querySelector("[data-zone]"); if (zone && zone.textContent !== T.zone) T.label(); });
  T.arrived = () => { read = Date.now(); known = location.pathname + location.search; fields(); };
  function fields() {
    if (!T.span) return;
    const write = (id, t) => { const d = new Date(t * 1000), p = (n) => String(n).padStart(2, "0"), box = document.querySelector("#" + id + ", #" + id + " input"); if (box && document.activeElement !== box) type(box.matches("input") ? box : box.querySelector("input"), d.getFullYear() + "-" + p(d.getMonth() + 1) + "-" + p(d.getDate()) + " " + p(d.getHours()) + ":" + p(d.getMinutes())); };
    write("tt-from", T.span.from); write("tt-to", T.span.to);
  }
  function type(box, text) { if (box) Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(box, text); }
  function typed(id) {
    const box = document.querySelector("#" + id), text = ((box && (box.value !== undefined ? box.value : (box.querySelector("input") || {}).value)) || "").trim();
    if (/^now(-\d{1,6}[smhdw])?$/.test(text)) return text;
    const d = new Date(text.replace(" ", "T"));
    return isNaN(d) ? null : iso(d);
  }
  document.addEventListener("click", (event) => {
    const hit = (selector) => event.target.closest && event.target.closest(selector);
    let one;
    if ((one = hit("[data-range]"))) { if (go({ from: one.dataset.range, to: one.dataset.range ? "now" : "" }, true)) apply(); shut(one); }
    else if ((one = hit("[data-range-apply]"))) { event.preventDefault(); const a = typed("tt-from"), b = typed("tt-to"); if (a && b) { if (go({ from: a, to: b }, true)) apply(); shut(one); } else { one.title = T.words("bad_time"); one.classList.add("tt-bad"); setTimeout(() => one.classList.remove("tt-bad"), 1500); } }
    else if (hit("[data-range-back]")) T.stepBack();
    else if ((one = hit("[data-refresh-every]"))) { every = Number(one.dataset.refreshEvery); go({ refresh: every ? String(every) : "" }, false); interval(); read = Date.now(); shut(one); }
    else if ((one = hit("[data-refresh-now]"))) { read = Date.now(); T.reload(true); shut(one); }
    else if ((one = hit("details[data-drop=range] > summary"))) fields();
  });
  document.addEventListener("keydown", (event) => {
    const form = event.key === "Enter" && event.target.closest && event.target.closest(".tt-range-own");
    if (form && event.target.matches("input")) { event.preventDefault(); form.querySelector("[data-range-apply]").click(); }
  });
  const shut = (inside) => { const box = inside.closest("details"); if (box) box.open = false; };
  const address = () => location.pathname + location.search;
  // what the page is about: its address without the range
  const about = (text) => { const url = new URL(text, location.href); ["from", "to", "refresh"].forEach((key) => url.searchParams.delete(key)); return url.pathname + url.search; };
  let routed = address(); // what Dash's router was told last
  // Back and forward within one page that only change the range: reread, and keep Dash's router out of it
  window.addEventListener("popstate", (event) => {
    if (address() === known) return;
    const same = about(address()) === about(known);
    known = address();
    if (!same) { depth = 0; routed = known; return; }
    depth = Math.max(0, depth - 1);
    event.stopImmediatePropagation();
    T.settle();
    apply();
  }, true);
  // A link to where the router thinks one is: Dash sees no change, the sections must
  window.addEventListener("_dashprivate_pushstate", () => {
    const before = known;
    known = address();
    if (known === routed && known !== before) apply();
    routed = known;
    depth = 0;
  });
  setInterval(() => {
    if (!every || document.hidden || Date.now() - read < every * 1000) return;
    read = Date.now();
    T.reload(false);
  }, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden && every && Date.now() - read >= every * 1000) { read = Date.now(); T.reload(false); } });
})();
