// Small pieces for building the page without a framework.
import { word } from "./words.js";

export const find = (id) => document.getElementById(id);

export function make(tag, options = {}, ...children) {
  const { on = {}, data = {}, aria = {}, ...rest } = options;
  const node = document.createElement(tag);
  Object.assign(node, rest);
  Object.assign(node.dataset, data);
  for (const [name, value] of Object.entries(aria)) node.setAttribute(`aria-${name}`, value);
  for (const [event, handler] of Object.entries(on)) node.addEventListener(event, handler);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const ICONS = {
  push: '<path d="M8 1.8a4 4 0 0 0-4 4c0 3.6-1.4 4.7-1.4 4.7h10.8S12 9.4 12 5.8a4 4 0 0 0-4-4zM6.5 12.8a1.6 1.6 0 0 0 3 0"/>',
  call: '<path d="M8 1.6v2M4.3 3.8h7.4a1.8 1.8 0 0 1 1.8 1.8v5a1.8 1.8 0 0 1-1.8 1.8H4.3a1.8 1.8 0 0 1-1.8-1.8v-5a1.8 1.8 0 0 1 1.8-1.8zM5.9 7.4v.8M10.1 7.4v.8M6.3 10.2h3.4M5.5 14.4h5"/>',
  customer: '<path d="M2 3.6A1.6 1.6 0 0 1 3.6 2h8.8A1.6 1.6 0 0 1 14 3.6v6a1.6 1.6 0 0 1-1.6 1.6H7L3.8 14v-2.8h-.2A1.6 1.6 0 0 1 2 9.6z"/>',
  fault: '<path d="M9 1.5 3.5 9H8l-1 5.5L12.5 7H8z"/>',
  platform: '<path d="M8 14.3A6.3 6.3 0 1 0 8 1.7a6.3 6.3 0 0 0 0 12.6zM8 4.6V8l2.3 1.6"/>',
  picture: '<path d="M2.5 3h11v10h-11zM2.5 11l3-3 2.5 2.3L10.5 8l3 3M5.6 6h.01"/>',
  coat: '<path d="M6 2 2.5 4.5 3.6 8l1.2-.5V14h6.4V7.5l1.2.5 1.1-3.5L10 2a2.3 2.3 0 0 1-4 0z"/>',
  place: '<path d="M8 14.2c3-3 4.7-5.4 4.7-7.7a4.7 4.7 0 0 0-9.4 0c0 2.3 1.7 4.7 4.7 7.7zM8 8.2a1.7 1.7 0 1 0 0-3.4 1.7 1.7 0 0 0 0 3.4z"/>',
  moment: '<path d="M8 14.3A6.3 6.3 0 1 0 8 1.7a6.3 6.3 0 0 0 0 12.6zM8 1.7l2.6 5M14.3 8l-5.2 2M8 14.3 5.4 9M1.7 8l5-2.3"/>',
  mass_send: '<path d="M2 6.2v3.6h2.4L10 13V3L4.4 6.2zM12.3 5.8a3.2 3.2 0 0 1 0 4.4"/>',
  recall: '<path d="M3 6.5h6.5a3.5 3.5 0 0 1 0 7H6M5.5 3.8 2.8 6.5l2.7 2.7"/>',
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.innerHTML = ICONS[name] || ICONS.platform;
  return svg;
}

export async function ask(path, body, type = "application/json") {
  const options = body === undefined ? {} : {
    method: "POST",
    headers: { "Content-Type": type },
    body: type === "application/json" ? JSON.stringify(body) : body,
  };
  const response = await fetch(`/sandbox/api/${path}`, options);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ? answer.error.message : response.status);
  return answer;
}

let hiding = 0;

export const complain = (error) => say(word("failed", { why: error.message }));

export function say(text) {
  const toast = find("toast");
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { toast.hidden = true; }, 4000);
}

export const safely = (work) => (...values) => Promise.resolve(work(...values)).catch(complain);

const CLOCK = new Intl.DateTimeFormat("zh-CN", {
  timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});
const SECONDS = new Intl.DateTimeFormat("zh-CN", {
  timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const DATE = (lang) => new Intl.DateTimeFormat(lang === "zh" ? "zh-CN" : "en-GB", {
  timeZone: "Asia/Shanghai", month: lang === "zh" ? "long" : "short", day: "numeric",
});
const WEEKDAY = (lang) => new Intl.DateTimeFormat(lang === "zh" ? "zh-CN" : "en-GB", {
  timeZone: "Asia/Shanghai", weekday: "short",
});
const DAY = new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", month: "numeric", day: "numeric" });

export const dateTime = (moment, lang) => `${DATE(lang).format(moment)} ${WEEKDAY(lang).format(moment)} ${CLOCK.format(moment)}`;
export const clockTime = (moment) => CLOCK.format(moment);
export const secondTime = (moment) => SECONDS.format(moment);

export function dayTime(moment, now) {
  if (DAY.format(moment) === DAY.format(now)) return CLOCK.format(moment);
  const yesterday = new Date(now.getTime() - 86400000);
  const day = DAY.format(moment) === DAY.format(yesterday) ? word("yesterday") : DAY.format(moment);
  return `${day} ${CLOCK.format(moment)}`;
}
