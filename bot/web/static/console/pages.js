/* What all pages beside the inbox need: the token, passing notes, busy line, menus. */
(function () {
  "use strict";
  var body = document.body;
  var busy = document.getElementById("busy");
  var notes = document.getElementById("notes");
  var NOTE_MS = 4500;
  var PROBLEM_MS = 10000;
  var inFlight = 0;

  function note(text, tone) {
    if (!text) { return; }
    var made = document.getElementById("note-" + tone).content.firstElementChild.cloneNode(true);
    made.querySelector("span").textContent = text;
    notes.appendChild(made);
    fade(made);
    while (notes.children.length > 3) { notes.firstElementChild.remove(); }
  }

  function fade(made) { window.setTimeout(function () { made.remove(); }, made.classList.contains("bad") ? PROBLEM_MS : NOTE_MS); }

  document.addEventListener("htmx:configRequest", function (event) {
    if (event.detail.verb !== "get") {
      event.detail.headers["X-CSRF-Token"] = document.querySelector("meta[name=csrf]").content;
    }
  });

  /* A form remembers its last button; what else changes in it is no press on that one. */
  document.addEventListener("htmx:configRequest", function (event) {
    var cause = event.detail.triggeringEvent;
    if (event.detail.elt.matches("form") && cause && cause.type !== "submit") {
      event.detail.formData.delete("do");
    }
  });

  document.addEventListener("htmx:beforeRequest", function () {
    inFlight += 1;
    window.setTimeout(function () { busy.hidden = inFlight === 0; }, 180);
  });

  document.addEventListener("htmx:afterRequest", function () {
    inFlight = Math.max(0, inFlight - 1);
    busy.hidden = true;
  });

  ["htmx:sendError", "htmx:timeout"].forEach(function (name) {
    document.addEventListener(name, function () { note(body.dataset.sayNetwork, "bad"); });
  });

  document.addEventListener("htmx:responseError", function (event) {
    var xhr = event.detail.xhr;
    if (xhr.status !== 401 && !xhr.getResponseHeader("HX-Trigger")) { note(body.dataset.sayBroken, "bad"); }
  });

  document.addEventListener("console:note", function (event) {
    note(event.detail.text, event.detail.tone);
  });

  /* A menu closes when something else is touched. */
  document.addEventListener("click", function (event) {
    document.querySelectorAll("details.nav-menu[open], details.drop[open]").forEach(function (menu) {
      if (!menu.contains(event.target)) { menu.removeAttribute("open"); }
    });
  });

  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") { return; }
    document.querySelectorAll("details.nav-menu[open], details.drop[open]").forEach(function (menu) {
      menu.removeAttribute("open");
      menu.querySelector("summary").focus();
    });
  });

  /* Filters that lead to another page do so as soon as one is chosen. */
  document.addEventListener("change", function (event) {
    var form = event.target.closest("form[data-go]");
    if (form) { form.requestSubmit(); }
  });

  document.addEventListener("error", function (event) {
    if (event.target.matches && event.target.matches(".avatar img")) { event.target.remove(); }
  }, true);

  /* A note that came with the page is said once, not again after a reload. */
  var here = new URL(window.location.href);
  if (here.searchParams.has("done")) {
    here.searchParams.delete("done");
    window.history.replaceState(null, "", here);
  }
  Array.from(notes.children).forEach(fade);
})();
