/* Runs before the first paint: what needs scripts may show. */
document.documentElement.classList.remove("no-js");
