// A picture over the whole phone; a tap or Escape puts it away.
import { find } from "./dom.js";

export function setUpViewer() {
  find("viewer").addEventListener("click", close);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
}

export function view(source) {
  find("viewer").firstElementChild.src = source;
  find("viewer").hidden = false;
  find("viewer").focus();
}

function close() { find("viewer").hidden = true; }
