/* The keyboard. See _help.html for the list. */
(function () {
  "use strict";
  var Desk = window.Desk;
  var Editing = window.Editing;
  var help = document.getElementById("help");
  var TABS = ["pending", "decided", "failed"];

  function isTyping(target) {
    return target.matches("textarea, input:not([type=radio]):not([type=checkbox])");
  }

  function toggleHelp() {
    if (help.open) { help.close(); } else { help.showModal(); }
  }

  function send() {
    var button = document.getElementById("send");
    if (button && Desk.isSettled()) { button.click(); }
  }

  function nextTab() {
    var next = TABS[(TABS.indexOf(Desk.tab) + 1) % TABS.length];
    window.location.assign("/console/inbox?tab=" + next);
  }

  function whileTyping(event) {
    if (event.target.id === "edit-text" && event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      Editing.send();
    }
    if (event.key === "Escape") {
      event.preventDefault();
      if (event.target.id === "edit-text") { Editing.leave(); } else { Editing.reject(false); }
    }
  }

  function whileRejecting(event) {
    if (event.key === "Escape") { event.preventDefault(); Editing.reject(false); }
    if (/^[1-5]$/.test(event.key)) { event.preventDefault(); Editing.quick(Number(event.key)); }
  }

  function onEnter(event) {
    if (event.target.closest("button, a:not(.item), summary")) { return; }
    event.preventDefault();
    send();
  }

  var actions = {
    j: function () { Desk.move(1); },
    k: function () { Desk.move(-1); },
    e: function () { Editing.start(); },
    r: function () { Editing.reject(true); },
    g: nextTab,
    "?": toggleHelp,
    "？": toggleHelp,
  };

  document.addEventListener("keydown", function (event) {
    if (event.isComposing || event.repeat) { return; }
    if (isTyping(event.target)) { whileTyping(event); return; }
    if (event.ctrlKey || event.metaKey || event.altKey) { return; }
    if (help.open) { if (actions[event.key] === toggleHelp) { help.close(); } return; }
    if (Editing.isRejecting()) { whileRejecting(event); return; }
    if (event.key === "Enter") { onEnter(event); return; }
    if (event.key === "Escape" && Editing.isEditing()) { Editing.leave(); return; }
    if (/^[1-9]$/.test(event.key)) { Editing.pick(Number(event.key)); return; }
    var action = actions[event.key.toLowerCase()];
    if (action) {
      event.preventDefault();
      action();
    }
  });

  document.getElementById("help-open").addEventListener("click", toggleHelp);
  document.getElementById("help-close").addEventListener("click", toggleHelp);
  help.addEventListener("click", function (event) { if (event.target === help) { help.close(); } });
})();
