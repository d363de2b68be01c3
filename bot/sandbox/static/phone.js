// The customer's phone: messages, time lines, menus, the typing box and its tray.
import { ask, clockTime, dayTime, find, icon, make, safely } from "./dom.js";
import { face, shopFace } from "./faces.js";
import { view } from "./viewer.js";
import { CHIPS, word } from "./words.js";

const GAP_SECONDS = 300;
let shown = { customer: null, messages: [] };
let context = { shop: "", skew: 0, guides: {} };
const GUIDE_FACES = ["bun", "long", "curl", "bob"];
const guideFace = (userid) => GUIDE_FACES[Math.max(0, Object.keys(context.guides).indexOf(userid)) % GUIDE_FACES.length];

export function setUpPhone({ shop, now, guides }) {
  context = { shop, guides, skew: new Date(now).getTime() - Date.now() };
  find("bar-title").textContent = shop;
  find("chips").replaceChildren(...CHIPS.map((text) => make("button", {
    type: "button", textContent: text, on: { click: safely(() => write(text)) },
  })));
  find("chips").addEventListener("wheel", (event) => {
    find("chips").scrollLeft += event.deltaY || event.deltaX;
    event.preventDefault();
  }, { passive: false });
  find("typing").addEventListener("submit", safely(submit));
  find("line").addEventListener("input", showSend);
  find("plus").addEventListener("click", toggleTray);
  find("album").addEventListener("change", safely(sendFromAlbum));
  find("tray").replaceChildren(
    tool("picture", "album", () => find("album").click()),
    tool("coat", "sample", sendSample),
    tool("place", "place", sendPlace),
    tool("recall", "recall", recallLast),
  );
  showSend();
  tick();
  setInterval(tick, 5000);
}

export const setSkew = (now) => { context.skew = new Date(now).getTime() - Date.now(); tick(); };
export const nowThere = () => new Date(Date.now() + context.skew);
const tick = () => { find("phone-time").textContent = clockTime(nowThere()); };

export async function openThread(id) {
  const thread = await ask(`customers/${id}/messages${document.hidden ? "?peek=1" : ""}`);
  const same = shown.customer && shown.customer.external_userid === id;
  const today = nowThere().toDateString();
  const unchanged = same && today === shown.today
    && JSON.stringify(shown.messages) === JSON.stringify(thread.messages);
  shown = { ...thread, today };
  find("line").placeholder = word("write", { name: thread.customer.nickname });
  if (!unchanged) draw(same);
  return thread.customer;
}

function draw(same) {
  const talk = find("talk");
  const known = same ? Number(talk.dataset.last || 0) : Infinity;
  const rows = [];
  let before = 0;
  for (const message of shown.messages) {
    const row = rowOf(message);
    if (!row) continue;
    if (message.at - before > GAP_SECONDS) rows.push(timeLine(message.at));
    before = message.at;
    if (message.seq > known) row.classList.add("fresh");
    rows.push(row);
  }
  if (!rows.length) rows.push(notice(word("empty", { name: context.shop })));
  talk.replaceChildren(...rows);
  talk.dataset.last = shown.messages.length ? shown.messages[shown.messages.length - 1].seq : 0;
  talk.scrollTop = talk.scrollHeight;
}

const timeLine = (at) => notice(dayTime(new Date(at * 1000), nowThere()));
const notice = (text) => make("p", { className: "notice", textContent: text });

const EVENTS = {
  enter_session: () => word("entered"),
  session_status_change: (event) => word(event.change_type === 3 ? "ended" : "taken"),
};

function rowOf(message) {
  if (message.fate === "failed") return null;
  if (message.fate === "recalled") return notice(word("recalled"));
  if (message.msgtype === "event") {
    const words = EVENTS[message.content.event_type];
    return words ? notice(words(message.content)) : null;
  }
  const mine = message.origin === 3;
  return make("div", { className: `row ${mine ? "mine" : "theirs"}` },
    mine ? face(shown.customer.face) : message.servicer ? face(guideFace(message.servicer)) : shopFace(),
    make("div", { className: "said" },
      message.servicer ? make("small", { className: "sender", textContent: context.guides[message.servicer] || message.servicer }) : null,
      bodyOf(message)));
}

function bodyOf(message) {
  const draw = BODIES[message.msgtype];
  return draw ? draw(message.content, message)
    : make("div", { className: "bubble", textContent: `[${message.msgtype}]` });
}

const BODIES = {
  text: (content) => make("div", { className: "bubble", textContent: content.content }),
  image: (content) => make("img", {
    className: "picture", src: `/sandbox/api/media/${encodeURIComponent(content.media_id)}`,
    alt: word("asked"), loading: "lazy",
    on: {
      load: () => { find("talk").scrollTop = find("talk").scrollHeight; },
      click: (event) => view(event.target.src),
    },
  }),
  voice: () => make("div", { className: "bubble", textContent: `${word("voice")} ))` }),
  video: (content) => card(content.filename || "video.mp4", "", "▶"),
  file: (content) => card(content.filename || word("file"), "", word("file")),
  link: (content) => card(content.title, content.desc, content.url),
  miniprogram: (content) => card(content.title, "", word("miniprogram")),
  ca_link: (content) => card(content.link_url, "", ""),
  location: (content) => make("div", { className: "map" },
    make("b", { textContent: content.name || word("place") }),
    make("small", { textContent: content.address || "" }),
    make("i", {}, icon("place"))),
  msgmenu: (content, message) => make("div", { className: "bubble menu" },
    content.head_content ? make("p", { textContent: content.head_content }) : null,
    ...content.list.map((entry, place) => menuEntry(entry, place, message)),
    content.tail_content ? make("p", { textContent: content.tail_content }) : null),
};

const card = (title, text, foot) => make("div", { className: "card" },
  make("b", { textContent: title }),
  text ? make("small", { textContent: text }) : null,
  foot ? make("em", { textContent: foot }) : null);

function menuEntry(entry, place, message) {
  const { content } = entry[entry.type];
  if (entry.type !== "click") return make("p", { textContent: content });
  return make("button", {
    type: "button", className: "menu-entry", textContent: content,
    on: { click: safely(() => act({ act: "tap", msgid: message.msgid, place })) },
  });
}

const id = () => shown.customer.external_userid;
export const act = (body) => ask(`customers/${id()}/acts`, body);
const write = (text) => ask(`customers/${id()}/messages`, { text });

async function submit(event) {
  event.preventDefault();
  const line = find("line");
  const text = line.value.trim();
  if (!text) return;
  line.value = "";
  showSend();
  await write(text);
}

function showSend() {
  const typed = find("line").value.trim() !== "";
  find("send").hidden = !typed;
  find("plus").hidden = typed;
}

function toggleTray() {
  const tray = find("tray");
  tray.hidden = !tray.hidden;
  find("plus").setAttribute("aria-expanded", String(!tray.hidden));
  find("talk").scrollTop = find("talk").scrollHeight;
}

const tool = (name, key, work) => make("button", {
  type: "button", on: { click: safely(work) },
}, make("span", {}, icon(name)), make("small", { textContent: word(key) }));

async function sendFromAlbum(event) {
  const [file] = event.target.files;
  if (file) await ask(`customers/${id()}/pictures`, file, file.type);
  event.target.value = "";
}

async function sendSample() {
  const response = await fetch("/static/coat.jpg");
  await ask(`customers/${id()}/pictures`, await response.blob(), "image/jpeg");
}

const sendPlace = () => ask(`customers/${id()}/messages`, {
  msgtype: "location",
  content: { latitude: 30.2592, longitude: 120.1303, name: "湖滨步行街", address: "杭州市上城区" },
});

async function recallLast() {
  const mine = shown.messages.filter((one) => one.origin === 3 && one.fate === "");
  if (mine.length) await act({ act: "recall", msgid: mine[mine.length - 1].msgid });
}
