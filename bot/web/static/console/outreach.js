/* Writing a journey: numbers beside the lines, the way to a faulty one, indenting by Tab. */
(function () {
  "use strict";
  var text = document.getElementById("journey-text");
  var gutter = document.getElementById("gutter");
  var preview = document.getElementById("preview");
  var LINE = 20;
  var saved = text.value;
  var leaving = false;

  function number() {
    var wanted = text.value.split("\n").length;
    while (gutter.children.length < wanted) {
      var item = document.createElement("li");
      item.textContent = String(gutter.children.length + 1);
      gutter.appendChild(item);
    }
    while (gutter.children.length > wanted) { gutter.lastElementChild.remove(); }
    gutter.scrollTop = text.scrollTop;
  }

  function mark() {
    var bad = Array.from(preview.querySelectorAll(".jump")).map(function (one) { return Number(one.dataset.line); });
    Array.from(gutter.children).forEach(function (item, place) {
      item.classList.toggle("bad", bad.indexOf(place + 1) >= 0);
    });
  }

  function go(line) {
    var lines = text.value.split("\n");
    var start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    text.focus();
    text.setSelectionRange(start, start + (lines[line - 1] || "").length);
    text.scrollTop = Math.max(0, (line - 6) * LINE);
    gutter.scrollTop = text.scrollTop;
  }

  text.addEventListener("input", number);
  text.addEventListener("scroll", function () { gutter.scrollTop = text.scrollTop; });
  text.addEventListener("keydown", function (event) {
    if (event.key !== "Tab" || event.shiftKey || event.ctrlKey || event.altKey || event.metaKey) { return; }
    if (text.dataset.escaped === "yes") { return; }
    event.preventDefault();
    text.setRangeText("  ", text.selectionStart, text.selectionEnd, "end");
    number();
  });
  /* After Escape, Tab leaves the field, so that the keyboard is never caught in it. */
  text.addEventListener("keydown", function (event) { text.dataset.escaped = event.key === "Escape" || (event.key === "Tab" && text.dataset.escaped === "yes") ? "yes" : ""; });

  document.addEventListener("click", function (event) {
    var jump = event.target.closest(".jump");
    if (jump) { go(Number(jump.dataset.line)); }
  });
  document.addEventListener("htmx:afterSwap", function (event) { if (event.target === preview) { mark(); } });
  document.addEventListener("htmx:beforeOnLoad", function (event) { if (event.detail.xhr.getResponseHeader("HX-Redirect")) { leaving = true; } });
  document.getElementById("journey-form").addEventListener("submit", function () { if (!window.htmx) { leaving = true; } });
  window.addEventListener("beforeunload", function (event) {
    if (!leaving && text.value !== saved) { event.preventDefault(); }
  });

  number();
  mark();
})();
