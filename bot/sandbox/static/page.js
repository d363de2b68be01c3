// Puts the page together and keeps it live.
import { ask, complain, find, make, safely } from "./dom.js";
import { refreshClock, setUpClock } from "./clock.js";
import { openMoments, setUpMoments } from "./moments.js";
import { act, nowThere, openThread, setUpPhone } from "./phone.js";
import {
  addEntry, drawFaults, drawPeople, drawSession, setRecord, setUpFaults, setUpRecord, setUpTools,
} from "./panels.js";
import { drawRooms, setUpRooms, showPanel } from "./rooms.js";
import { setUpViewer } from "./viewer.js";
import { fillWords, word } from "./words.js";

const state = { customers: [], current: "", guides: {}, last: 0 };
const due = { timer: 0, what: new Set() };

async function start() {
  fillWords();
  setUpTabs();
  setUpRecord();
  setUpFaults();
  setUpMoments(nowThere);
  setUpViewer();
  setUpClock(() => later("customers"));
  const all = await ask("overview");
  find("shop-name").textContent = all.shop_name;
  document.title = `${all.shop_name} · ${word("title")}`;
  find("console").href = all.console_url;
  state.guides = all.guides;
  setUpTools(all);
  setUpScan();
  setUpRooms(state);
  setUpPhone({ shop: all.shop_name, now: all.now, guides: all.guides });
  await refreshClock();
  setRecord(all.journal);
  drawFaults(all.faults);
  state.customers = all.customers;
  await choose(await arrived() || remembered());
  await drawRooms();
  listen();
}

function remembered() {
  const wanted = location.hash.slice(1) || sessionStorage.getItem("customer");
  const known = state.customers.some((one) => one.external_userid === wanted);
  return known ? wanted : state.customers[0].external_userid;
}

// A code's picture and a link lead here: somebody new comes by them.
async function arrived() {
  const query = new URLSearchParams(location.search);
  const [code, link, group] = [query.get("scan"), query.get("link"), query.get("join")];
  if (!code && !link && !group) return "";
  const channel = query.get("customer_channel") || "";
  for (const name of ["scan", "link", "join", "customer_channel"]) query.delete(name);
  history.replaceState(null, "", `${query.size ? `?${query}` : location.pathname}${location.hash}`);
  try {
    if (group) {
      const who = remembered();
      await ask(`group-codes/${group}/scans`, { external_userid: who });
      showPanel("rooms");
      return who;
    }
    const { external_userid: who } = await ask("scan", code ? { config_id: code } : { link_id: link, customer_channel: channel });
    await refreshPeople();
    return who;
  } catch (error) { complain(error); return ""; }
}

async function choose(id) {
  state.current = id;
  sessionStorage.setItem("customer", id);
  document.body.dataset.tab = "phone";
  markTabs();
  await refreshThread();
  await refreshPeople();
  find("people").querySelector(".current")?.scrollIntoView({ block: "nearest" });
}

async function refreshThread() {
  const id = state.current;
  const customer = await openThread(id);
  if (id !== state.current) return;
  drawSession(customer);
  drawMore(customer);
  await openMoments(customer);
}

async function refreshPeople() {
  state.customers = (await ask("customers")).items;
  drawPeople(state.customers, state.current, safely(choose));
  const unread = state.customers.reduce((sum, one) => sum + one.unread, 0);
  document.body.dataset.unread = unread ? "yes" : "";
}

function drawMore(customer) {
  const item = (text, body) => make("button", {
    type: "button", textContent: text,
    on: { click: safely(async () => { find("more").open = false; await act(body); }) },
  });
  const refuses = !customer.refuses;
  find("more-menu").replaceChildren(
    item(word("enter"), { act: "enter", scene: "poster" }),
    item(word(refuses ? "refuse" : "accept"), { act: "refuse", refuses }),
    ...Object.entries(state.guides).slice(0, 1).map(([userid, name]) => item(
      word("take", { name }), { act: "take", userid })),
    item(word("end"), { act: "end" }),
    ...(customer.handover ? [item(word("refuseHandover"), { act: "refuse_handover" })] : []),
    ...customer.friends.flatMap((pair) => (pair.half
      ? [item(word("confirm", { name: state.guides[pair.userid] }), { act: "confirm", userid: pair.userid })]
      : [item(word("leave"), { act: "leave", userid: pair.userid }),
        item(word("drop"), { act: "drop", userid: pair.userid })])),
  );
}

function setUpScan() {
  find("scan").addEventListener("toggle", safely(async () => {
    if (!find("scan").open) return;
    const { items, links } = await ask("codes");
    const [userid, name] = Object.entries(state.guides)[0];
    find("scan-menu").replaceChildren(
      ...items.slice(0, 8).map((code) => scanItem(codeName(code), { config_id: code.config_id })),
      ...items.slice(0, 1).map((code) => scanItem(
        word("scanHalf"), { config_id: code.config_id, half: true })),
      ...links.slice(-4).map((link) => scanItem(
        word("scanLink", { name: link.name }), { link_id: link.link_id, customer_channel: link.channel })),
      scanItem(word("scanCard", { name }), { userid }),
    );
  }));
}

const codeName = (code) => `${code.remark || code.state} · ${
  code.users.map((userid) => state.guides[userid] || userid).join("、")}`;

const scanItem = (text, body) => make("button", {
  type: "button", textContent: text,
  on: { click: safely(async () => {
    find("scan").open = false;
    const { external_userid: who } = await ask("scan", body);
    await refreshPeople();
    await choose(who);
  }) },
});

document.addEventListener("click", (event) => {
  for (const id of ["more", "scan"]) {
    if (!find(id).contains(event.target)) find(id).open = false;
  }
});

function listen() {
  const source = new EventSource("/sandbox/api/stream");
  source.onopen = safely(async () => {
    showLive(true);
    const all = await ask("overview");
    setRecord(all.journal);
    drawFaults(all.faults);
    later("customers");
  });
  source.onerror = () => showLive(false);
  source.onmessage = (event) => {
    const news = JSON.parse(event.data);
    if (news.entry) addEntry(news.entry);
    if (news.changed) later(news.changed);
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) later("threads"); });
  window.addEventListener("pagehide", () => source.close());
}

function later(what) {
  due.what.add(what);
  if (!due.timer) due.timer = setTimeout(safely(refresh), 60);
}

async function refresh() {
  const what = new Set(due.what);
  due.timer = 0;
  due.what.clear();
  if (what.has("faults")) drawFaults((await ask("faults")).items);
  if (what.has("clock")) await refreshClock();
  if (what.has("groups") || what.has("codes")) await drawRooms();
  if (what.has("threads") || what.has("customers")) {
    await refreshThread();
    await refreshPeople();
  }
}

function showLive(on) {
  find("live").classList.toggle("off", !on);
  find("live").lastElementChild.textContent = word(on ? "live" : "offline");
}

function setUpTabs() {
  find("tabs").replaceChildren(...["people", "phone", "record", "guides", "rooms", "faults"].map((name) => make("button", {
    type: "button", textContent: word(["faults", "rooms", "guides"].includes(name) ? `${name}Short` : name), data: { name },
    on: { click: () => { document.body.dataset.tab = name; markTabs(); } },
  })));
  markTabs();
}

function markTabs() {
  for (const button of find("tabs").children) {
    button.setAttribute("aria-pressed", String(button.dataset.name === document.body.dataset.tab));
  }
}

start().catch((error) => { document.body.prepend(make("p", { className: "toast", textContent: error.message })); });
