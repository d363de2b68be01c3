/* The list, what is open beside it, and passing notes. */
(function () {
  "use strict";
  var body = document.body;
  var list = document.getElementById("list");
  var detail = document.getElementById("detail");
  var busy = document.getElementById("busy");
  var notes = document.getElementById("notes");
  var wide = window.matchMedia("(min-width: 900px)");
  var GUARD_MS = 450;
  var NOTE_MS = 4500;
  var loadedAt = 0;
  var inFlight = 0;
  var decidedHere = {};
  var following = true;

  var Desk = (window.Desk = {
    tab: body.dataset.tab,
    desk: function () { return document.getElementById("desk"); },
    id: function () {
      var desk = Desk.desk();
      return desk ? desk.dataset.id : null;
    },
    items: function () { return Array.from(list.querySelectorAll(".item")); },
    isWide: function () { return wide.matches; },
    /* A key or click meant for the last customer must not hit the one that just came up. */
    isSettled: function () { return Date.now() - loadedAt > GUARD_MS; },
    note: note,
    open: open,
    move: move,
    refresh: refresh,
    refreshThread: refreshThread,
  });

  function note(text, tone) {
    if (!text) { return; }
    var made = document.getElementById("note-" + tone).content.firstElementChild.cloneNode(true);
    made.querySelector("span").textContent = text;
    notes.appendChild(made);
    fade(made);
    while (notes.children.length > 3) { notes.firstElementChild.remove(); }
  }

  function fade(made) {
    window.setTimeout(function () { made.remove(); }, NOTE_MS);
  }

  function open(id) {
    var item = list.querySelector('.item[data-id="' + id + '"]');
    if (item) { item.click(); }
  }

  function move(step) {
    var items = Desk.items();
    if (!items.length) { return; }
    var id = Desk.id();
    var at = items.findIndex(function (item) { return item.dataset.id === id; });
    if (at < 0 && id) {
      /* What is open has left the list: go on to the one that follows it. */
      at = items.findIndex(function (item) { return Number(item.dataset.id) > Number(id); });
      at = at < 0 ? 0 : at;
    } else {
      at = Math.max(0, Math.min(items.length - 1, at + step));
    }
    items[at].click();
    items[at].scrollIntoView({ block: "nearest" });
  }

  function refresh() { htmx.trigger(list, "console:refresh"); }

  function refreshThread() {
    var thread = document.getElementById("thread");
    if (!thread) { return; }
    htmx.ajax("GET", thread.dataset.url, { source: thread, target: thread, swap: "morph:innerHTML" });
  }

  function reloadDetail() {
    var id = Desk.id();
    if (!id) { return; }
    htmx.ajax("GET", "/console/inbox/detail?tab=" + Desk.tab + "&id=" + id, { target: "#detail" });
  }

  function mark() {
    var id = Desk.id();
    Desk.items().forEach(function (item) {
      if (item.dataset.id === id) { item.setAttribute("aria-current", "true"); }
      else { item.removeAttribute("aria-current"); }
    });
  }

  function toBottom() {
    var bubbles = document.getElementById("bubbles");
    if (bubbles) { bubbles.scrollTop = bubbles.scrollHeight; }
  }

  function shown() {
    loadedAt = Date.now();
    body.classList.toggle("has-detail", Boolean(Desk.desk()));
    mark();
    toBottom();
    if (Desk.isWide()) {
      var first = detail.querySelector(".offer input:checked") || document.getElementById("bubbles");
      if (first && !document.querySelector("dialog[open]")) { first.focus({ preventScroll: true }); }
    }
    document.dispatchEvent(new CustomEvent("desk:shown"));
  }

  function openFirst() {
    var first = Desk.items()[0];
    if (!Desk.isWide() || !first || Desk.id()) { return; }
    htmx.ajax("GET", first.getAttribute("hx-get"), { target: "#detail" });
    window.history.replaceState(null, "", first.href);
  }

  var known = null;
  function glow() {
    var now = {};
    Desk.items().forEach(function (item) {
      now[item.dataset.id] = true;
      if (known && !known[item.dataset.id] && Desk.tab === "pending") { item.classList.add("fresh-in"); }
    });
    known = now;
  }

  document.addEventListener("htmx:configRequest", function (event) {
    if (event.detail.verb !== "get") {
      event.detail.headers["X-CSRF-Token"] = document.querySelector("meta[name=csrf]").content;
    }
    if (event.target === list && Desk.id()) { event.detail.parameters.id = Desk.id(); }
  });

  document.addEventListener("htmx:confirm", function (event) {
    if (event.target.matches("#approve, #reject") && !Desk.isSettled()) { event.preventDefault(); }
  });

  document.addEventListener("htmx:beforeRequest", function () {
    inFlight += 1;
    window.setTimeout(function () { busy.hidden = inFlight === 0; }, 180);
  });

  document.addEventListener("htmx:afterRequest", function () {
    inFlight = Math.max(0, inFlight - 1);
    busy.hidden = true;
  });

  document.addEventListener("htmx:beforeSwap", function (event) {
    var bubbles = document.getElementById("bubbles");
    if (event.detail.target.id === "thread" && bubbles) {
      following = bubbles.scrollHeight - bubbles.scrollTop - bubbles.clientHeight < 80;
    }
  });

  document.addEventListener("htmx:afterSwap", function (event) {
    if (event.detail.target === detail) {
      shown();
    } else if (event.detail.target === list) {
      glow();
      mark();
      openFirst();
    } else if (event.detail.target.id === "thread") {
      if (following) { toBottom(); }
    }
  });

  ["htmx:sendError", "htmx:timeout"].forEach(function (name) {
    document.addEventListener(name, function (event) {
      if (event.target !== list) { note(body.dataset.sayNetwork, "bad"); }
    });
  });

  document.addEventListener("htmx:responseError", function (event) {
    var xhr = event.detail.xhr;
    if (xhr.status !== 401 && !xhr.getResponseHeader("HX-Trigger")) { note(body.dataset.sayBroken, "bad"); }
  });

  document.addEventListener("console:note", function (event) {
    note(event.detail.text, event.detail.tone);
  });

  document.addEventListener("console:decided", function (event) {
    if (event.detail.id) { decidedHere[event.detail.id] = true; }
    if (event.detail.refresh && Desk.tab === "failed") { reloadDetail(); }
    else if (event.detail.refresh) { refreshThread(); }
    refresh();
  });

  /* Somebody else decided what is open here. */
  document.addEventListener("console:status", function (event) {
    var desk = Desk.desk();
    var told = event.detail;
    if (!desk || desk.dataset.id !== String(told.id) || desk.dataset.status === told.status) { return; }
    if (desk.dataset.status === "pending" && !decidedHere[told.id]) { note(told.text, "plain"); }
    reloadDetail();
  });

  document.addEventListener("click", function (event) {
    var target = event.target.closest("#next, .thread-head .back");
    if (!target) { return; }
    if (target.id === "next") { move(1); return; }
    event.preventDefault();
    body.classList.remove("has-detail");
    detail.textContent = "";
    window.history.replaceState(null, "", "/console/inbox?tab=" + Desk.tab);
    mark();
    refresh();
  });

  document.addEventListener("error", function (event) {
    if (event.target.matches && event.target.matches(".avatar img")) { event.target.remove(); }
  }, true);

  Array.from(notes.children).forEach(fade);
  glow();
  if (Desk.desk()) { shown(); }
  window.addEventListener("load", openFirst);
})();
