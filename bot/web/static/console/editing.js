/* Picking a choice, editing it, turning it down. Drafts survive looking at another customer. */
(function () {
  "use strict";
  var Desk = window.Desk;
  var drafts = {};
  var encoder = new TextEncoder();

  function by(id) { return document.getElementById(id); }
  function form() { return by("approve"); }
  function text() { return by("edit-text"); }

  function offers() {
    return form() ? Array.from(form().querySelectorAll(".offer input")) : [];
  }

  function pickedText() {
    var picked = offers().find(function (input) { return input.checked; });
    return picked ? picked.parentElement.querySelector(".offer-text").textContent : "";
  }

  function pick(number) {
    var input = offers()[number - 1];
    if (!input) { return; }
    input.checked = true;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    input.focus({ preventScroll: true });
    input.parentElement.scrollIntoView({ block: "nearest" });
  }

  function isEditing() { return Boolean(form()) && form().classList.contains("editing"); }

  function startEdit() {
    if (!form()) { return; }
    by("edit").classList.add("open");
    form().classList.add("editing");
    text().focus();
    text().setSelectionRange(text().value.length, text().value.length);
    var picked = offers().find(function (input) { return input.checked; });
    if (picked) { picked.parentElement.scrollIntoView({ block: "nearest" }); }
    count();
    keep();
  }

  function leaveEdit() {
    text().blur();
    if (!offers().length) { return; }
    by("edit").classList.remove("open");
    form().classList.remove("editing");
    var picked = offers().find(function (input) { return input.checked; });
    if (picked && Desk.isWide()) { picked.focus({ preventScroll: true }); }
    keep();
  }

  function count() {
    var size = encoder.encode(text().value.trim()).length;
    var limit = Number(text().dataset.limit);
    var label = by("bytes");
    var over = size > limit;
    by("edit").classList.toggle("too-long", over);
    by("edit-send").disabled = over || size === 0;
    label.textContent = over ? label.dataset.tooLong + " · " + size + "/" + limit
      : size + " / " + limit + " " + label.dataset.unit;
  }

  function keep() {
    var picked = offers().findIndex(function (input) { return input.checked; });
    drafts[Desk.id()] = {
      text: text().value, editing: isEditing(), picked: picked, touched: text().dataset.touched === "yes",
    };
  }

  function recall() {
    if (!form()) { return; }
    var draft = drafts[Desk.id()];
    if (draft) {
      if (offers()[draft.picked]) { offers()[draft.picked].checked = true; }
      text().value = draft.text;
      text().dataset.touched = draft.touched ? "yes" : "";
    }
    if (!offers().length) { form().classList.add("editing"); }
    if (draft && draft.editing && offers().length) { startEdit(); }
    count();
  }

  function toggleReject(show) {
    var panel = by("reject");
    if (!panel) { return; }
    panel.classList.toggle("open", show);
    if (show) { panel.querySelector(".quick button").focus(); }
    else if (panel.contains(document.activeElement)) { document.activeElement.blur(); }
  }

  window.Editing = {
    pick: pick,
    isEditing: isEditing,
    start: startEdit,
    leave: leaveEdit,
    send: function () { if (!by("edit-send").disabled) { by("edit-send").click(); } },
    isRejecting: function () { return Boolean(by("reject")) && by("reject").classList.contains("open"); },
    reject: toggleReject,
    quick: function (number) {
      var button = by("reject").querySelectorAll(".quick button")[number - 1];
      if (button) { button.click(); }
    },
  };

  document.addEventListener("desk:shown", recall);

  document.addEventListener("input", function (event) {
    if (event.target.id !== "edit-text") { return; }
    text().dataset.touched = "yes";
    count();
    keep();
  });

  document.addEventListener("change", function (event) {
    if (event.target.name !== "script_id") { return; }
    if (text().dataset.touched !== "yes") { text().value = pickedText(); count(); }
    keep();
  });

  document.addEventListener("click", function (event) {
    var button = event.target.closest("button");
    if (!button) { return; }
    if (button.id === "edit-open") { startEdit(); }
    if (button.id === "edit-leave") { leaveEdit(); }
    if (button.id === "reject-open") { toggleReject(true); }
    if (button.id === "reject-leave") { toggleReject(false); }
  });

  document.addEventListener("console:decided", function (event) {
    if (event.detail.id) { delete drafts[event.detail.id]; }
  });

  window.addEventListener("beforeunload", function (event) {
    var unsaved = Object.keys(drafts).some(function (id) { return drafts[id].touched && drafts[id].editing; });
    if (unsaved && Desk.tab === "pending") { event.preventDefault(); }
  });

  recall();
})();
