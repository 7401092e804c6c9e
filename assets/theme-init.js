// Before the first paint: the theme chosen last time, else the system's.
(function () {
  var chosen = null;
  try { chosen = localStorage.getItem("turtle-theme"); } catch (error) { chosen = null; }
  var dark = window.matchMedia && window.matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.setAttribute("data-bs-theme", chosen === "dark" || chosen === "light" ? chosen : dark ? "dark" : "light");
})();
