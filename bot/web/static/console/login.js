(function () {
  "use strict";
  var show = document.getElementById("show");
  show.addEventListener("change", function () {
    document.getElementById("password").type = show.checked ? "text" : "password";
  });
})();
