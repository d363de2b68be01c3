/* Editing a journey in forms: words put in by a click, pictures that were uploaded, nothing lost on leaving. */
(function () {
  "use strict";
  var touched = false;
  var leaving = false;

  function into(button) { return document.getElementById(button.dataset.into); }

  function changed(field) { field.dispatchEvent(new Event("input", { bubbles: true })); }

  function insert(button) {
    var field = into(button);
    field.setRangeText(button.dataset.insert, field.selectionStart, field.selectionEnd, "end");
    field.focus();
    changed(field);
  }

  /* One word in quotes, commas and all, or up to the next comma; as plain_fields.py reads them. */
  function wordsIn(text) {
    var words = [];
    var rest = text;
    while (rest) {
      var found = /^[\s,\uff0c\u3001;\uff1b]*(?:"((?:[^"]|"")*)"|\u201c([^\u201d]*)\u201d)\s*(?=[,\uff0c\u3001;\uff1b\n]|$)/.exec(rest)
        || /^[\s,\uff0c\u3001;\uff1b]*([^,\uff0c\u3001;\uff1b\n]*)/.exec(rest);
      var word = (found[2] || (found.length > 2 ? (found[1] || "").replace(/""/g, '"') : found[1]) || "").trim();
      if (word) { words.push(word); }
      rest = rest.slice(found[0].length || 1);
    }
    return words;
  }

  function quoted(word) {
    if (!/[,\uff0c\u3001;\uff1b]|^["\u201c]/.test(word)) { return word; }
    if (word.indexOf('"') >= 0 && word.indexOf("\u201d") < 0) { return "\u201c" + word + "\u201d"; }
    return '"' + word.replace(/"/g, '""') + '"';
  }

  /* A word that is in the list is taken out again. */
  function toggle(button) {
    var field = into(button);
    var words = wordsIn(field.value);
    var place = words.indexOf(button.dataset.word);
    if (place < 0) { words.push(button.dataset.word); } else { words.splice(place, 1); }
    field.value = words.map(quoted).join("\u3001");
    changed(field);
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-insert], [data-word]");
    if (!button) { return; }
    if (button.dataset.insert) { insert(button); } else { toggle(button); }
  });

  document.addEventListener("input", function (event) {
    if (!event.target.closest("[data-guarded]") || event.target.type === "file") { return; }
    touched = true;
    /* What was just uploaded gets a row of its own. */
    var fresh = event.isTrusted ? null : event.target.closest(".new-picture");
    if (fresh) { event.target.form.requestSubmit(document.getElementById(fresh.dataset.more)); }
  });

  document.addEventListener("change", function (event) {
    if (event.target.closest("[data-guarded]")) { touched = true; }
    /* Fields of another kind of beginning come with their own names to pick from. */
    if (event.target.closest(".trigger") && /\.kind$/.test(event.target.name)) {
      event.target.form.requestSubmit(document.getElementById("redraw"));
    }
  });

  /* After a check the eye goes to what is wrong, or to the rehearsal where it is not in sight. */
  document.addEventListener("htmx:afterSettle", function (event) {
    var told = document.querySelector("#editing > [role=alert]");
    var aside = document.querySelector(".sheet-side");
    var sent = event.detail.requestConfig && event.detail.requestConfig.formData;
    if (event.detail.target.id !== "editing" && event.detail.elt.id !== "editing") { return; }
    if (told) {
      told.scrollIntoView({ block: "center" });
    } else if (aside && sent && sent.get("do") === "check" && window.innerWidth <= 1100) {
      aside.scrollIntoView({ block: "start" });
    }
  });
  document.addEventListener("htmx:beforeOnLoad", function (event) {
    if (event.detail.xhr.getResponseHeader("HX-Redirect")) { leaving = true; }
  });
  document.addEventListener("submit", function () { if (!window.htmx) { leaving = true; } });
  window.addEventListener("beforeunload", function (event) {
    if (touched && !leaving) { event.preventDefault(); }
  });
})();
