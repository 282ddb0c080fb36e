// Before the first paint: the theme that was chosen here last. "auto" follows the system.
"use strict";
try {
  const chosen = localStorage.getItem("cascade-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // No storage is no reason not to show the page.
}
