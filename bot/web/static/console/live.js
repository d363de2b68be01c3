/* Changes as they happen: counts, title, sound, and a banner while the connection is lost. */
(function () {
  "use strict";
  var Desk = window.Desk;
  var body = document.body;
  var live = document.getElementById("live");
  var lost = document.getElementById("lost");
  var sound = document.getElementById("sound");
  var newest = Number(body.dataset.newest);
  var source = null;
  var failures = 0;
  var bannerTimer = null;
  var retryTimer = null;
  var refreshTimer = null;
  var audio = null;
  var SOUND_KEY = "console.sound";

  function connect() {
    window.clearTimeout(retryTimer);
    if (source) { source.close(); }
    source = new EventSource("/console/events");
    source.addEventListener("change", function (event) {
      connected();
      take(JSON.parse(event.data));
      refreshSoon();
    });
    source.addEventListener("signed-out", function () {
      source.close();
      window.location.assign("/console/login?next=" + encodeURIComponent(window.location.pathname + window.location.search));
    });
    source.onerror = disconnected;
  }

  function refreshSoon() {
    window.clearTimeout(refreshTimer);
    refreshTimer = window.setTimeout(function () { Desk.refresh(); Desk.refreshThread(); }, 60);
  }

  function connected() {
    failures = 0;
    window.clearTimeout(bannerTimer);
    bannerTimer = null;
    lost.hidden = true;
    live.classList.add("on");
    live.querySelector("span").textContent = body.dataset.sayOn;
  }

  function disconnected() {
    source.close();
    failures += 1;
    live.classList.remove("on");
    live.querySelector("span").textContent = body.dataset.sayOff;
    if (bannerTimer === null) {
      bannerTimer = window.setTimeout(function () { lost.hidden = false; }, 2500);
    }
    /* Also finds out whether the session is over: then the answer leads to the login page. */
    if (failures > 1) { Desk.refresh(); }
    retryTimer = window.setTimeout(connect, Math.min(15000, 500 * Math.pow(2, failures)));
  }

  function take(counts) {
    show("pending", counts.pending);
    show("failed", counts.failed);
    document.title = (counts.pending ? "(" + counts.pending + ") " : "") + body.dataset.sayTitle;
    if (counts.newest > newest) {
      newest = counts.newest;
      chime();
    }
  }

  function show(name, count) {
    var badge = document.querySelector('[data-count="' + name + '"]');
    badge.textContent = count > 999 ? "999+" : count;
    badge.hidden = count === 0;
  }

  function wanted() {
    try { return window.localStorage.getItem(SOUND_KEY) !== "off"; } catch (error) { return true; }
  }

  function showSound() {
    sound.setAttribute("aria-pressed", String(wanted()));
    sound.title = sound.ariaLabel = wanted() ? body.dataset.saySoundOn : body.dataset.saySoundOff;
  }

  /* Browsers let a page make sounds only after the visitor has touched it. */
  function unlock() {
    if (!audio && window.AudioContext) { audio = new AudioContext(); }
  }

  function chime() {
    if (!audio || !wanted()) { return; }
    [[880, 0], [1318.5, 0.12]].forEach(function (tone) {
      var at = audio.currentTime + tone[1];
      var oscillator = audio.createOscillator();
      var volume = audio.createGain();
      oscillator.frequency.value = tone[0];
      volume.gain.setValueAtTime(0.0001, at);
      volume.gain.exponentialRampToValueAtTime(0.12, at + 0.02);
      volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.35);
      oscillator.connect(volume).connect(audio.destination);
      oscillator.start(at);
      oscillator.stop(at + 0.4);
    });
  }

  sound.addEventListener("click", function () {
    try { window.localStorage.setItem(SOUND_KEY, wanted() ? "off" : "on"); } catch (error) { return; }
    showSound();
    unlock();
    chime();
  });
  document.addEventListener("console:counts", function (event) { take(event.detail); });
  document.getElementById("reconnect").addEventListener("click", connect);
  document.addEventListener("pointerdown", unlock, { once: true });
  document.addEventListener("keydown", unlock, { once: true });
  window.addEventListener("online", connect);
  window.addEventListener("pagehide", function () { if (source) { source.close(); } });
  window.addEventListener("pageshow", function (event) { if (event.persisted) { connect(); } });
  showSound();
  connect();
})();
