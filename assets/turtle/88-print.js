// A button that prints the page: the month's report of an account.
"use strict";
document.addEventListener("click", (event) => {
  if (event.target.closest && event.target.closest("[data-print]")) window.print();
});
