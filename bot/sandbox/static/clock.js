// The shop's clock, how it is turned, and what waits for guides meanwhile.
import { ask, dateTime, dayTime, find, icon, make, safely, say } from "./dom.js";
import { setSkew } from "./phone.js";
import { lang, word } from "./words.js";

const HOUR = 3600, DAY = 86400;
let skew = 0;
let turning = false;

export function setUpClock(onTurned) {
  const turn = (seconds) => safely(async () => {
    if (turning) return;
    turning = true;
    showTurning();
    try {
      show(await ask("clock", { seconds }));
    } finally {
      turning = false;
      showTurning();
    }
    await onTurned();
  });
  find("next-hour").addEventListener("click", turn(HOUR));
  find("next-day").addEventListener("click", turn(DAY));
  find("guides-act").addEventListener("change", safely(async (event) => {
    show(await ask("guides", { on: event.target.checked }));
  }));
  setInterval(tick, 1000);
}

export async function refreshClock() { show(await ask("time")); }

function show(state) {
  skew = new Date(state.now).getTime() - Date.now();
  setSkew(state.now);
  find("guides-act").checked = state.guides_act;
  drawTasks(state.tasks);
  drawCards(state.cards);
  tick();
}

function tick() {
  find("shop-time").textContent = dateTime(new Date(Date.now() + skew), lang);
}

function showTurning() {
  document.body.classList.toggle("turning", turning);
  for (const name of ["next-hour", "next-day"]) find(name).disabled = turning;
}

function drawCards(cards) {
  find("cards-none").hidden = cards.length > 0;
  find("cards").replaceChildren(...cards.map((card) => make("li", { className: "task" },
    make("p", { className: "task-head" }, make("b", { textContent: card.guide }),
      make("small", { textContent: dayTime(new Date(card.at * 1000), new Date(Date.now() + skew)) })),
    make("p", { className: "task-text whole", textContent: card.text }),
    card.sent ? make("small", { className: "task-done", textContent: word("cardSent", { name: card.to }) })
      : card.to ? confirmButton(word("sendCard", { name: card.to }), { kind: "card", id: String(card.id), userid: "" })
        : null)));
}

const confirmButton = (text, body) => make("button", {
  type: "button", className: "quiet-button", textContent: text,
  on: { click: safely(async () => {
    const answer = await ask("guides/confirm", body);
    show(answer);
    say(word("reached", { n: answer.reached }));
  }) },
});

function drawTasks(tasks) {
  find("tasks-count").textContent = tasks.length || "";
  find("tasks-none").hidden = tasks.length > 0;
  find("tasks").replaceChildren(...tasks.map((task) => make("li", { className: "task" },
    make("p", { className: "task-head" }, icon(task.kind),
      make("b", { textContent: task.guide }),
      make("span", { textContent: word(task.kind) }),
      make("small", { textContent: word("audience", { n: task.audience }) })),
    make("p", { className: "task-text", textContent: task.text }),
    confirmButton(word(`confirm_${task.kind}`), { kind: task.kind, id: task.id, userid: task.userid }))));
}
