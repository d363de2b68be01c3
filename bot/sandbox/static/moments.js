// The moments feed of the customer whose phone is shown.
import { ask, dayTime, find, make, safely } from "./dom.js";
import { face } from "./faces.js";
import { view } from "./viewer.js";
import { word } from "./words.js";

const SEEN = "moments-seen";
let shown = { id: "", face: "", name: "", items: [] };
let now = () => new Date();

export function setUpMoments(clock) {
  now = clock;
  for (const button of find("views").children) {
    button.addEventListener("click", () => setView(button.dataset.view));
  }
  setView("chat");
}

export function setView(name) {
  document.body.dataset.view = name;
  for (const button of find("views").children) {
    button.setAttribute("aria-selected", String(button.dataset.view === name));
  }
  if (name === "moments") markSeen();
  if (name === "chat") find("talk").scrollTop = find("talk").scrollHeight;
}

export async function openMoments(customer) {
  const id = customer.external_userid;
  const { items } = await ask(`customers/${id}/moments`);
  const fresh = id !== shown.id;
  const today = now().toDateString();
  const changed = fresh || today !== shown.today || JSON.stringify(items) !== JSON.stringify(shown.items);
  shown = { id, face: customer.face, name: customer.nickname, items, today };
  if (changed) draw(fresh);
  if (document.body.dataset.view === "moments") markSeen();
  drawDot();
}

function draw(fresh) {
  const cover = make("div", { className: "cover" }, make("b", { textContent: shown.name }), face(shown.face));
  const posts = shown.items.map(post);
  if (!posts.length) posts.push(make("p", { className: "feed-none", textContent: word("feedNone") }));
  find("feed").replaceChildren(cover, ...posts);
  if (fresh) find("feed").scrollTop = 0;
}

function post(one) {
  const at = new Date(one.at * 1000);
  return make("article", { className: "post" },
    face(one.face),
    make("div", { className: "post-main" },
      make("b", { textContent: one.guide }),
      one.text ? make("p", { textContent: one.text }) : null,
      one.images.length ? make("div", { className: "post-images", data: { n: Math.min(one.images.length, 4) } },
        ...one.images.map((media, place) => make("button", {
          type: "button", aria: { label: word("picture", { n: place + 1 }) },
          on: { click: () => view(picture(media)) },
        }, make("img", { src: picture(media), alt: "", loading: "lazy" })))) : null,
      one.link ? linkCard(one.link) : null,
      make("div", { className: "post-foot" },
        make("time", { textContent: dayTime(at, now()) }),
        make("button", {
          type: "button", textContent: one.liked ? word("liked") : word("like"),
          aria: { pressed: String(one.liked) },
          on: { click: safely(async () => {
            const { items } = await ask(`customers/${shown.id}/moments`, { moment_id: one.moment_id, userid: one.userid });
            shown.items = items;
            draw(false);
          }) },
        }))));
}

const picture = (media) => `/sandbox/api/media/${encodeURIComponent(media)}`;

const linkCard = (link) => make("div", { className: "post-link" },
  link.media_id ? make("img", { src: picture(link.media_id), alt: "", loading: "lazy" }) : null,
  make("span", { textContent: link.title }));

const seen = () => JSON.parse(sessionStorage.getItem(SEEN) || "{}");

function markSeen() {
  if (!shown.id) return;
  sessionStorage.setItem(SEEN, JSON.stringify({ ...seen(), [shown.id]: shown.items.length }));
  drawDot();
}

function drawDot() {
  const count = shown.items.length - (seen()[shown.id] || 0);
  find("feed-new").textContent = count > 0 ? count : "";
}
