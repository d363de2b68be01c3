// The customers' list, the live record, the fault switches and a few tools.
import { ask, find, icon, make, safely, say, secondTime } from "./dom.js";
import { face } from "./faces.js";
import { lang, word } from "./words.js";

const KEPT = 300;
let filter = "all";
let entries = [];

export function drawPeople(customers, current, choose) {
  find("people").replaceChildren(...customers.map((one) => make("li", {}, make("button", {
    type: "button", className: one.external_userid === current ? "person current" : "person",
    aria: { pressed: String(one.external_userid === current) },
    on: { click: () => choose(one.external_userid) },
  },
  make("span", { className: "portrait" }, face(one.face),
    one.unread ? make("i", { className: "badge", textContent: one.unread > 99 ? "99+" : one.unread }) : null),
  make("span", { className: "who" },
    make("b", { textContent: one.nickname }),
    make("small", { textContent: one.sketch[lang] }),
    one.last ? make("em", { textContent: gist(one.last) }) : null)))));
}

function gist(message) {
  if (message.fate === "recalled") return word("recalled");
  const { content } = message;
  return content.content || content.head_content || content.title || content.name || word("asked");
}

export function drawSession(customer) {
  find("session-name").textContent = customer.nickname;
  const pill = find("session-state");
  pill.textContent = customer.refuses ? word("refused") : customer.state_words[lang];
  pill.dataset.state = customer.refuses ? "refused" : customer.state;
  const open = customer.state < 2 && customer.window_seconds > 0;
  find("session-window").textContent = open
    ? word("window", { n: customer.replies_left, h: Math.ceil(customer.window_seconds / 3600) }) : "";
}

export function setUpRecord() {
  find("filters").replaceChildren(...["all", "push", "call", "customer"].map((name) => make("button", {
    type: "button", textContent: word(name), data: { name }, aria: { pressed: String(name === filter) },
    on: { click: () => { filter = name; drawRecord(); } },
  })));
}

export function setRecord(all) {
  entries = all.slice(-KEPT);
  drawRecord();
}

export function addEntry(entry) {
  if (entries.length && entry.number <= entries[entries.length - 1].number) return;
  entries.push(entry);
  if (entries.length > KEPT) entries.shift();
  if (visible(entry) && !fold(entry)) {
    const line = lineOf(entry);
    line.classList.add("fresh");
    find("lines").prepend(line);
    while (find("lines").children.length > KEPT) find("lines").lastChild.remove();
  }
  find("nothing").hidden = find("lines").children.length > 0;
}

function drawRecord() {
  for (const button of find("filters").children) {
    button.setAttribute("aria-pressed", String(button.dataset.name === filter));
  }
  find("lines").replaceChildren();
  for (const entry of entries.filter(visible)) {
    if (!fold(entry)) find("lines").prepend(lineOf(entry));
  }
  find("nothing").hidden = find("lines").children.length > 0;
}

// The same quiet thing again only raises a count; it shows what happened last.
function fold(entry) {
  const top = find("lines").firstElementChild;
  if (!top || !entry.ok || entry.line !== "call" || top.dataset.text !== entry[lang]) return false;
  const count = Number(top.dataset.count || 1) + 1;
  const line = lineOf(entry);
  line.dataset.count = count;
  line.querySelector("p").append(make("span", { className: "times", textContent: `×${count}` }));
  if (top.querySelector("details[open]")) line.querySelector("details").open = true;
  top.replaceWith(line);
  return true;
}

const visible = (entry) => filter === "all" || entry.line === filter;

function lineOf(entry) {
  const [route, words] = split(entry[lang]);
  const head = make("div", { className: "line-head" },
    route ? make("span", { className: "route", textContent: route }) : null,
    make("time", { textContent: secondTime(new Date(entry.at)) }),
    entry.milliseconds === null ? null
      : make("span", { className: "ms", textContent: `${entry.milliseconds || "<1"} ${word("ms")}` }));
  const text = make("p", { textContent: words });
  const inside = entry.raw
    ? make("details", {}, make("summary", {}, head, text), make("pre", { textContent: entry.raw }))
    : make("div", { className: "plain" }, head, text);
  return make("li", { className: `line ${entry.ok ? "" : "bad"}`, data: { line: entry.line, text: entry[lang] } },
    make("span", { className: "spot" }, icon(entry.line)), inside);
}

function split(text) {
  const mark = lang === "zh" ? "：" : ": ";
  const at = text.indexOf(mark);
  return at > 0 && text.slice(0, at).includes("→")
    ? [text.slice(0, at), text.slice(at + mark.length)] : ["", text];
}

const STRENGTHS = {
  always: {}, next1: { times: 1 }, next3: { times: 3 }, some: { rate: 0.3 },
};

export function drawFaults(faults) {
  find("calm").hidden = !faults.some((one) => one.on);
  find("faults").replaceChildren(...faults.map(faultRow));
}

export function setUpFaults() {
  find("calm").addEventListener("click", safely(async () => {
    drawFaults((await ask("faults/clear", {})).items);
  }));
}

function faultRow(one) {
  const change = async (body) => drawFaults((await ask(`faults/${one.fault}`, body)).items);
  const input = make("input", {
    type: "checkbox", role: "switch", checked: one.on, aria: { label: one.title[lang] },
    on: { change: safely((event) => change(event.target.checked
      ? { on: true, times: one.usual_times } : { on: false })) },
  });
  const label = make("label", { className: "switch" },
    make("span", { className: "switch-text" }, make("b", { textContent: one.title[lang] }),
      make("small", { textContent: one.text[lang] })), input);
  return make("li", { className: one.on ? "fault on" : "fault" }, label,
    one.on ? settings(one, change) : null);
}

function settings(one, change) {
  const current = one.times !== null ? (one.times === 1 ? "next1" : "next3")
    : one.rate < 1 ? "some" : "always";
  const choose = make("span", { className: "segments small" }, ...Object.keys(STRENGTHS).map((name) => make("button", {
    type: "button", textContent: name === current && one.times !== null
      ? word("left", { n: one.times }) : word(name), aria: { pressed: String(name === current) },
    on: { click: safely(() => change({ on: true, amount: one.amount, ...STRENGTHS[name] })) },
  })));
  return make("div", { className: "strength" }, choose, one.unit ? amount(one, change, current) : null);
}

const amount = (one, change, current) => make("label", { className: "amount" }, make("input", {
  type: "number", min: 1, max: 60, value: one.amount, aria: { label: one.title[lang] },
  on: { change: safely((event) => change({ on: true, amount: Number(event.target.value) || 1, ...STRENGTHS[current] })) },
}), lang === "zh" ? one.unit : "");

export function setUpTools({ guides, admin_welcomes: welcomes }) {
  const tool = (name, work) => make("button", {
    type: "button", className: "quiet-button", textContent: word(name), on: { click: safely(work) },
  });
  const welcome = ([userid, name]) => {
    const input = make("input", {
      type: "checkbox", role: "switch", checked: welcomes.includes(userid),
      on: { change: safely((event) => ask("admin-welcome", { userid, on: event.target.checked })) },
    });
    return make("label", { className: "switch" }, make("span", { className: "switch-text" },
      make("b", { textContent: word("adminWelcome", { name }) }),
      make("small", { textContent: word("adminWelcomeHint") })), input);
  };
  find("tools").replaceChildren(
    ...Object.entries(guides).slice(0, 2).map(welcome),
    tool("verify", async () => {
      const answer = await ask("verify", {});
      say(answer.passed ? word("verified", { n: answer.milliseconds }) : word("unverified"));
    }),
  );
}
