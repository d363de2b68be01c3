// Customer groups: opening them, people coming and going, and what newcomers are greeted with.
import { ask, find, make, safely } from "./dom.js";
import { word } from "./words.js";

const OUTSIDE = 2;
let state = { customers: [], guides: {} };
let opened = "";

export function setUpRooms(shared) {
  state = shared;
  for (const place of document.querySelectorAll("[data-panels]")) {
    place.replaceChildren(...["guides", "rooms", "faults"].map((name) => make("button", {
      type: "button", textContent: word(`${name}Short`), data: { name }, on: { click: () => showPanel(name) },
    })));
  }
  showPanel(sessionStorage.getItem("panel") || "faults");
  find("room-name").placeholder = word("roomName");
  find("room-name").setAttribute("aria-label", word("roomName"));
  find("room-owner").setAttribute("aria-label", word("roomOwner"));
  find("room-owner").replaceChildren(...Object.entries(state.guides).map(([userid, name]) => new Option(name, userid)));
  find("room-new").addEventListener("submit", safely(async (event) => {
    event.preventDefault();
    const made = await ask("groups", { name: find("room-name").value.trim(), owner: find("room-owner").value });
    find("room-name").value = "";
    opened = made.chat_id;
    await drawRooms();
  }));
}

export function showPanel(name) {
  document.body.dataset.panel = name;
  sessionStorage.setItem("panel", name);
  for (const button of document.querySelectorAll("[data-panels] button")) {
    button.setAttribute("aria-pressed", String(button.dataset.name === name));
  }
}

export async function drawRooms() {
  if (document.activeElement && document.activeElement.tagName === "SELECT") return;
  const { items, codes, templates } = await ask("groups");
  const known = items.filter((room) => !room.dismissed || room.chat_id === opened).reverse();
  find("rooms-nothing").hidden = known.length > 0;
  find("rooms").replaceChildren(...known.map((room) => roomRow(room, templates)), ...codes.map(codeRow));
}

function roomRow(room, templates) {
  const row = make("details", { className: "room", open: room.chat_id === opened },
    make("summary", {},
      make("b", { textContent: room.name }),
      make("small", { textContent: [
        word("roomOf", { name: state.guides[room.owner] || room.owner }),
        word("roomCount", { n: room.members.length }),
        room.dismissed ? word("roomDismissed") : room.template_id ? word("roomPicked") : "",
      ].filter(Boolean).join(" · ") })),
    make("div", { className: "room-people" }, ...room.members.map((one) => memberChip(room, one))),
    room.dismissed ? null : roomActs(room, templates),
    make("div", { className: "room-greetings" }, ...room.greetings.slice(-3).reverse().map((one) => make("p", {},
      make("small", { textContent: word("roomGreeted", { name: one.names }) }),
      make("span", { textContent: one.text })))));
  row.addEventListener("toggle", () => {
    if (row.open) opened = room.chat_id;
    else if (opened === room.chat_id) opened = "";
  });
  return make("li", {}, row);
}

function memberChip(room, one) {
  const outside = one.kind === OUTSIDE;
  const name = make("span", { textContent: outside ? one.name : `${one.name} · ${word("roomGuide")}` });
  if (room.dismissed || one.userid === room.owner) return make("span", { className: "chip" }, name);
  return make("span", { className: "chip" }, name, make("button", {
    type: "button", textContent: "×", aria: { label: word("roomOut", { name: one.name }) },
    title: word("roomOut", { name: one.name }),
    on: { click: safely(() => act(room, { act: "leave", members: [one.userid] })) },
  }));
}

function roomActs(room, templates) {
  const inside = new Set(room.members.map((one) => one.userid));
  const outside = [
    ...state.customers.map((one) => [one.external_userid, one.nickname]), ...Object.entries(state.guides),
  ].filter(([id]) => !inside.has(id));
  const button = (name, body) => make("button", {
    type: "button", className: "quiet-button", textContent: word(name), on: { click: safely(() => act(room, body)) },
  });
  return make("div", { className: "tool-row" },
    choice(word("roomPull"), outside, (id) => act(room, { act: "join", members: [id] })),
    templates.length ? choice(word("roomPick"), templates.map((one) => [one.template_id, one.text.slice(0, 18)]),
      (id) => act(room, { act: "pick", template_id: id })) : null,
    button("roomSpeak", { act: "speak" }), button("roomDismiss", { act: "dismiss" }));
}

function choice(title, entries, work) {
  const select = make("select", {
    aria: { label: title },
    on: { change: safely(async () => { const { value } = select; select.blur(); await work(value); }) },
  }, new Option(title, "", true, true), ...entries.map(([id, name]) => new Option(name, id)));
  return select;
}

const codeRow = (code) => make("li", {}, make("button", {
  type: "button", className: "room-code", textContent: word("roomScan", { name: code.remark || code.config_id.slice(0, 8) }),
  on: { click: safely(async () => {
    await ask(`group-codes/${code.config_id}/scans`, { external_userid: state.current });
    await drawRooms();
  }) },
}));

async function act(room, body) {
  opened = room.chat_id;
  await ask(`groups/${room.chat_id}/acts`, body);
  await drawRooms();
}
