// Drawn faces, so that no picture of a real person is needed.
const SKIN = ["#f7d3b5", "#f2c6a0", "#e9b58b"];
const LOOKS = {
  bob: { ground: "#ffe1dc", skin: 0, hair: "#3b2a2a", cloth: "#e8766d",
    back: "M18 31c0-12 6-19 14-19s14 7 14 19v10H18z", front: "M20 28c1-8 6-12 12-12s11 4 12 12c-6-1-10-3-13-7-2 4-6 6-11 7z" },
  curl: { ground: "#e3e6ff", skin: 1, hair: "#6b4226", cloth: "#6f7be0",
    back: "M16 34c-3-3-2-7 0-9 0-4 3-7 6-8 3-5 12-7 17-2 4 0 7 4 7 8 3 2 4 7 1 10 1 4-2 8-6 8H22c-4 0-7-3-6-7z", front: "M21 27c2-6 6-9 11-9 6 0 10 4 11 9-4-1-6-3-7-5-2 3-9 5-15 5z" },
  bun: { ground: "#fdeccb", skin: 1, hair: "#4a4038", cloth: "#b8894c",
    back: "M32 5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM20 30c0-10 5-15 12-15s12 5 12 15v3H20z", front: "M21 28c1-7 5-11 11-11s10 4 11 11c-3-4-6-6-11-6s-8 2-11 6z", glasses: true },
  crop: { ground: "#d9ecf7", skin: 2, hair: "#262a30", cloth: "#39678a",
    back: "M20 27c0-9 5-14 12-14s12 5 12 14v2H20z", front: "M20.5 27c0-4 1-9 5-11 6-3 17-1 18 11-2-3-3-5-5-6-6 1-13 0-15 0-2 1-2 4-3 6z" },
  long: { ground: "#dff3e6", skin: 0, hair: "#5a3a2e", cloth: "#5fae87",
    back: "M17 30c0-12 6-18 15-18s15 6 15 18v18H17z", front: "M20 30c0-9 5-13 12-13s12 4 12 13c-3-2-5-5-6-8-4 4-11 6-18 8z" },
  cap: { ground: "#f0e4f7", skin: 2, hair: "#2b2530", cloth: "#8d63b0",
    back: "M20 28c0-9 5-14 12-14s12 5 12 14v3H20z", front: "M19.5 25c0-8 5-12.5 12.5-12.5S44.5 17 44.5 25z", cap: true },
};

export function face(name) {
  const look = LOOKS[name] || LOOKS.bob;
  const skin = SKIN[look.skin];
  const front = look.cap
    ? `<path d="${look.front}" fill="#7a4fa0"/><path d="M18 25.5c6-2 20-2 31 .6 1 .3 1 2-.2 2.1-10-1-20-1.2-30.8-.2z" fill="#65408a"/>`
    : `<path d="${look.front}" fill="${look.hair}"/>`;
  const glasses = look.glasses
    ? '<g fill="none" stroke="#6a5846" stroke-width="1.3"><circle cx="27.2" cy="31" r="3.5"/><circle cx="36.8" cy="31" r="3.5"/><path d="M30.7 31h2.6"/></g>' : "";
  return drawn(`<rect width="64" height="64" fill="${look.ground}"/>
    <path d="${look.back}" fill="${look.hair}"/>
    <path d="M10 64c1-12 9-18 22-18s21 6 22 18z" fill="${look.cloth}"/>
    <path d="M27 40h10v7c0 3-2.2 5-5 5s-5-2-5-5z" fill="${skin}"/>
    <path d="M27 43c2 2.6 8 2.6 10 0v2.5c-2 2.5-8 2.5-10 0z" fill="#0001"/>
    <ellipse cx="32" cy="31" rx="11" ry="12.5" fill="${skin}"/>
    ${front}
    <circle cx="27.5" cy="31.2" r="1.5" fill="#33261f"/><circle cx="36.5" cy="31.2" r="1.5" fill="#33261f"/>
    <ellipse cx="24.8" cy="35.2" rx="2.3" ry="1.4" fill="#f2907f" opacity=".4"/><ellipse cx="39.2" cy="35.2" rx="2.3" ry="1.4" fill="#f2907f" opacity=".4"/>
    <path d="M28.6 37.2c1.8 2 5 2 6.8 0" fill="none" stroke="#9c4f3e" stroke-width="1.5" stroke-linecap="round"/>${glasses}`);
}

export function shopFace() {
  const image = document.createElement("img");
  image.src = "/static/mark.svg";
  image.alt = "";
  image.className = "face";
  return image;
}

function drawn(inside) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 64 64");
  svg.setAttribute("class", "face");
  svg.setAttribute("aria-hidden", "true");
  svg.innerHTML = inside;
  return svg;
}
