/* Longer forms: rows that grow, and files that are uploaded before the form is saved. */
(function () {
  "use strict";
  var body = document.body;

  function note(text) {
    document.dispatchEvent(new CustomEvent("console:note", { detail: { text: text, tone: "bad" } }));
  }

  function addRow(name) {
    var rows = document.querySelector('[data-rows="' + name + '"]');
    var number = rows.children.length;
    if (number >= Number(rows.dataset.most)) { return; }
    var made = rows.lastElementChild.cloneNode(true);
    made.querySelectorAll("input").forEach(function (input) {
      input.name = name + number + input.name.slice(input.name.indexOf("."));
      if (input.type === "checkbox") { input.checked = true; } else { input.value = ""; }
    });
    rows.appendChild(made);
    made.querySelector("input:not([type=checkbox])").focus();
  }

  function upload(picker) {
    var file = picker.files[0];
    if (!file) { return; }
    if (file.size > Number(picker.dataset.most) * 1024 * 1024) { note(picker.dataset.tooBig); picker.value = ""; return; }
    var label = picker.closest("label");
    var query = "?kind=" + picker.dataset.kind + "&name=" + encodeURIComponent(file.name);
    label.classList.add("working");
    fetch("/console/uploads" + query, {
      method: "POST",
      body: file,
      headers: { "HX-Request": "true", "X-CSRF-Token": document.querySelector("meta[name=csrf]").content },
    }).then(function (answer) {
      return answer.ok ? answer.json() : answer.text().then(function (text) { throw new Error(text); });
    }).then(function (kept) {
      var place = document.getElementsByName(picker.dataset.upload)[0];
      place.value = kept.source;
      place.dispatchEvent(new Event("input", { bubbles: true }));
    }).catch(function (error) {
      note(error instanceof TypeError ? body.dataset.sayNetwork : error.message || body.dataset.sayBroken);
    }).then(function () {
      label.classList.remove("working");
      picker.value = "";
    });
  }

  /* A list that scrolls by itself begins where its open entry is. */
  var box = document.querySelector(".choose");
  var open = box && box.querySelector("[aria-current]");
  if (open) { box.scrollTop = open.offsetTop - box.offsetTop - 48; }

  document.addEventListener("click", function (event) {
    var button = event.target.closest("[data-add]");
    if (button) { addRow(button.dataset.add); }
  });

  document.addEventListener("change", function (event) {
    if (event.target.matches("[data-upload]")) { upload(event.target); }
  });
})();
