// @ts-check
/** The home page: what is live, kept fresh while somebody looks. */

import { Account } from "./account.js";
import { showLive } from "./api.js";
import { avatar, find, icon, make, ours } from "./dom.js";
import { compact } from "./format.js";

/** @typedef {import("./api.js").LiveItem} LiveItem */

const EVERY_MS = 4_000;

const list = find("#live", HTMLElement);
const nothing = find("#nothing", HTMLElement);
const problem = find("#problem", HTMLElement);
const heading = find("h1", HTMLElement);

/** @type {Map<number, { card: HTMLElement, item: LiveItem }>} */
const cards = new Map();

async function refresh() {
  let items;
  try {
    items = await showLive();
  } catch {
    problem.hidden = false;
    return;
  }
  problem.hidden = true;
  nothing.hidden = items.length > 0;
  heading.textContent = items.length ? "Live now" : "Nothing is live at the moment";
  list.setAttribute("aria-busy", "false");
  for (const [id, { card }] of cards) {
    if (items.some((item) => item.id === id)) continue;
    card.remove();
    cards.delete(id);
  }
  items.forEach((item, place) => {
    const card = cardOf(item);
    if (list.children[place] !== card) list.insertBefore(card, list.children[place] ?? null);
  });
}

/**
 * The card of a stream, brought up to date; a card that somebody has the focus on stays in the page.
 * @param {LiveItem} item
 */
function cardOf(item) {
  const known = cards.get(item.id);
  const card = known?.card ?? make("li", { class: "card" }, make("a", { href: `/watch/${item.id}` }, ...parts(item)));
  if (known && JSON.stringify(known.item) !== JSON.stringify(item)) {
    find("a", HTMLAnchorElement, card).replaceChildren(...parts(item));
  }
  cards.set(item.id, { card, item });
  return card;
}

/** @param {LiveItem} item */
function parts(item) {
  const picture = make("span", { class: "picture" });
  picture.style.setProperty("--hue", String((item.user_id * 137) % 360));
  if (item.thumbnail_url) picture.append(make("img", { src: ours(item.thumbnail_url), alt: "", loading: "lazy" }));
  else picture.append(make("span", { class: "drawn", "aria-hidden": "true" }, [...item.username][0]?.toUpperCase() ?? ""));
  const interrupted = item.status === "interrupted";
  picture.append(make("span", { class: "badges" },
    make("span", { class: interrupted ? "badge" : "badge live" }, interrupted ? "Paused" : "Live"),
    make("span", { class: "badge viewers" }, icon("eye"), compact(item.viewers), make("span", { class: "unseen" }, " watching"))));
  return [picture, make("span", { class: "who" }, avatar({ user_id: item.user_id, username: item.username }),
    make("span", { class: "words" }, make("b", { dir: "auto", title: item.title }, item.title || `${item.username} live`), make("span", { dir: "auto" }, item.username)))];
}

new Account().refresh();
refresh();
setInterval(() => document.visibilityState === "visible" && refresh(), EVERY_MS);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refresh());
