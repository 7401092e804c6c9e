// What the pages of the cluster are narrowed to goes along when one moves between them. The address is the state.
"use strict";
(function () {
  const T = window.turtle;
  const NAMES = ["account", "user", "partition", "node"], RANGE = ["from", "to"], KEPT = "turtle-narrow";
  const base = () => T.frame().base || "/";
  const staff = () => T.frame().staff === "1";
  const inside = (url) => (url.origin === location.origin && url.pathname.startsWith(base()) ? "/" + url.pathname.slice(base().length) : null);
  const isCluster = (path) => path !== null && /^\/($|top($|\/)|nodes($|\/)|node\/|jobs$|scheduling($|\/))/.test(path);
  const hasRange = (path) => isCluster(path) || (path !== null && /^\/(user|account)\//.test(path));
  const tidy = (text) => text.replace(/%3A/g, ":").replace(/%2C/g, ",").replace(/user=%2A/, "user=*");
  const here = () => inside(new URL(location.href));

  // Open an address of the portal as a link of its own does: without reading the frame again
  T.open = function (href) {
    const to = new URL(href, location.href);
    if (inside(to) === null) return;
    if (to.href === location.href) { T.reload(true); return; }
    history.pushState({}, "", to.pathname + to.search + to.hash);
    window.dispatchEvent(new CustomEvent("_dashprivate_pushstate"));
    window.scrollTo(0, 0);
  };
  const last = () => { try { return JSON.parse(sessionStorage.getItem(KEPT) || "{}"); } catch (error) { return T.kept || {}; } };
  // On pages that cannot be narrowed, what held last still holds for the way back
  function held() {
    const now = {}, params = T.params();
    if (isCluster(here())) {
      RANGE.forEach((key) => { if (params.get(key)) now[key] = params.get(key); });
      if (staff()) NAMES.forEach((key) => { const text = params.get(key); if (text && text !== "*") now[key] = text; });
      // one node has no bar to clear: a link there that names nothing takes nothing away
      if (/^\/node\//.test(here()) && !NAMES.some((key) => now[key])) NAMES.forEach((key) => { const text = last()[key]; if (text && staff()) now[key] = text; });
      try { sessionStorage.setItem(KEPT, JSON.stringify(now)); } catch (error) { T.kept = now; }
      return now;
    }
    return last();
  }
  // The address with what holds now; what it says itself comes first. Menu: what held last, too; link: only the range
  T.carried = function (href, kind, now = held()) {
    const to = new URL(href, location.href), path = inside(to), given = to.searchParams, range = kind === "menu" ? (key) => now[key] : (key) => T.params().get(key);
    if (!hasRange(path)) return href;
    if (!RANGE.some((key) => given.has(key))) RANGE.forEach((key) => { if (range(key)) given.set(key, range(key)); });
    if (kind !== "link" && isCluster(path)) {
      NAMES.forEach((key) => { if (now[key] && !given.has(key)) given.set(key, now[key]); });
      // a list of jobs is one's own unless it says whose: narrowed, everybody's is meant
      if (path === "/jobs" && !given.has("user") && NAMES.some((key) => given.has(key)) && staff()) given.set("user", "*");
    }
    return to.pathname + tidy(to.search) + to.hash;
  };
  // The address the server wrote, whatever was added here
  const written = (link) => (link.ttMade !== undefined && link.getAttribute("href") === link.ttMade ? link.ttOwn : link.getAttribute("href"));
  function rewrite(link, own, made) {
    link.ttOwn = own;
    link.ttMade = made;
    if (link.getAttribute("href") !== made) link.setAttribute("href", made);
  }
  function links() {
    const now = held(), path = here();
    document.querySelectorAll(".tt-side a.tt-nav[href], a.tt-brand[href]").forEach((one) => rewrite(one, written(one), T.carried(written(one), "menu", now)));
    document.querySelectorAll(".tt-main a[href]").forEach((one) => {
      const own = written(one), to = inside(new URL(own, location.href));
      if (to === null) return;
      if (one.closest(".tt-narrow :is(.tt-chip,.tt-form-buttons)")) rewrite(one, own, stayed(own));
      // a link within one page says exactly what it means; a list of jobs of a range is another list
      else if (to !== path && to !== "/jobs" && hasRange(to)) rewrite(one, own, T.carried(own, "link", now));
    });
  }
  // The bar changes the narrowing and nothing else: range and refresh stay
  function stayed(href) {
    const to = new URL(href, location.href), now = T.params();
    [...RANGE, "refresh"].forEach((key) => { if (now.get(key) && !to.searchParams.has(key)) to.searchParams.set(key, now.get(key)); });
    return to.pathname + tidy(to.search);
  }
  T.onDom.push(links);
  window.addEventListener("popstate", T.settle);
  window.addEventListener("_dashprivate_pushstate", T.settle);
  // The component of a link knows only its own address: where it was changed, the click is ours
  document.addEventListener("click", (event) => {
    const link = event.button === 0 && event.target.closest && event.target.closest("a[href]");
    if (!link || link.ttMade === undefined || link.ttMade === link.ttOwn || link.getAttribute("href") !== link.ttMade) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    T.open(link.ttMade);
  }, true);

  // The form of the bar, and every other: an address says only what was filled in, and nothing is read again that is there
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches(".tt-form") || form.method !== "get") return;
    event.preventDefault();
    const to = new URL(form.getAttribute("action"), location.href), now = T.params();
    new FormData(form).forEach((value, key) => { if (String(value).trim()) to.searchParams.set(key, String(value).trim()); });
    [...RANGE, "refresh"].forEach((key) => { if (now.get(key) && !to.searchParams.has(key)) to.searchParams.set(key, now.get(key)); });
    T.open(to.pathname + tidy(to.search));
  }, true);
  document.addEventListener("click", (event) => {
    const chip = event.target.closest && event.target.closest("[data-chip]");
    if (!chip) return;
    const field = chip.closest(".tt-name"), box = field.querySelector("input");
    field.classList.remove("tt-has");
    box.focus(); box.select();
  });

  // Names to choose from: read when somebody is about to type one
  let read = 0;
  document.addEventListener("focusin", async (event) => {
    const box = event.target;
    if (!staff() || !box.matches || !box.matches(".tt-narrow input[list]") || Date.now() - read < 300000) return;
    read = Date.now();
    const answer = await fetch(base() + "names", { credentials: "same-origin" });
    if (!answer.ok) { read = 0; return; }
    Object.entries(await answer.json()).forEach(([kind, names]) => {
      const id = "tt-names-" + kind, list = document.getElementById(id) || document.body.appendChild(Object.assign(document.createElement("datalist"), { id }));
      list.replaceChildren(...names.map((name) => { const one = document.createElement("option"); one.value = name; return one; }));
    });
  });
})();
