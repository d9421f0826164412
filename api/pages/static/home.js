// @ts-check
/** The home page: live streams, refreshed every few seconds while the page is visible, and below them the feed of videos. */

import { Account } from "./account.js";
import { showLive } from "./api.js";
import { avatar, find, icon, initial, make, localUrl, tint } from "./dom.js";
import { compact } from "./format.js";
import { profilePath } from "./people.js";
import { VideoFeed } from "./video_feed.js";

/** @typedef {import("./api.js").LiveItem} LiveItem */

const EVERY_MS = 4_000;

const list = find("#live", HTMLElement);
const noStreams = find("#no-streams", HTMLElement);
const problem = find("#problem", HTMLElement);
const heading = find("h1", HTMLElement);
const more = find("#more", HTMLButtonElement);

/** @type {Map<number, { card: HTMLElement, item: LiveItem }>} */
const cards = new Map();

/** Number of pages shown. */
let shown = 1;

async function refresh() {
  let items;
  try {
    items = await showPages();
  } catch {
    problem.hidden = false;
    return;
  }
  problem.hidden = true;
  noStreams.hidden = items.length > 0;
  heading.textContent = items.length ? "Live now" : "No one is live right now";
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
 * Reads the streams of the shown pages. A stream that moved between two pages meanwhile may be on both; it is returned once.
 * @returns {Promise<LiveItem[]>}
 */
async function showPages() {
  /** @type {Map<number, LiveItem>} */
  const items = new Map();
  const pages = await Promise.all(Array.from({ length: shown }, (_, index) => showLive(index + 1)));
  for (const item of pages.flatMap((page) => page.streams)) if (!items.has(item.id)) items.set(item.id, item);
  const last = pages[0]?.pages ?? 1;
  shown = Math.min(shown, last);
  more.hidden = shown >= last;
  return [...items.values()];
}

/**
 * The updated card of a stream. Known cards are reused, so that they keep the focus.
 * @param {LiveItem} item
 */
function cardOf(item) {
  const known = cards.get(item.id);
  const card = known?.card ?? make("li", { class: "card" }, make("a", { class: "stream", href: `/watch/${item.id}` }), make("a", { class: "host", href: profilePath(item) }));
  if (!known || JSON.stringify(known.item) !== JSON.stringify(item)) {
    find(".stream", HTMLAnchorElement, card).replaceChildren(...streamParts(item));
    find(".host", HTMLAnchorElement, card).replaceChildren(avatar(item), make("span", { class: "name", dir: "auto" }, item.username));
  }
  cards.set(item.id, { card, item });
  return card;
}

/** @param {LiveItem} item */
function streamParts(item) {
  const picture = make("span", { class: "picture" });
  tint(picture, item.user_id);
  if (item.thumbnail_url) picture.append(make("img", { src: localUrl(item.thumbnail_url), alt: "", loading: "lazy" }));
  else picture.append(make("span", { class: "drawn", "aria-hidden": "true" }, initial(item.username)));
  const interrupted = item.status === "interrupted";
  picture.append(make("span", { class: "badges" },
    make("span", { class: interrupted ? "badge" : "badge live" }, interrupted ? "Paused" : "Live"),
    make("span", { class: "badge viewers" }, icon("eye"), compact(item.viewers), make("span", { class: "unseen" }, " watching"))));
  return [picture, make("b", { class: "title", dir: "auto", title: item.title }, item.title || `${item.username} live`), make("span", { class: "unseen" }, ` by ${item.username}`)];
}

more.addEventListener("click", () => {
  shown += 1;
  refresh();
});
const account = new Account();
const feed = new VideoFeed(account);
let viewer = /** @type {number | null} */ (null);
account.onChange((user) => {
  const id = user?.user_id ?? 0;
  if (viewer !== null && viewer !== id) feed.restart();
  viewer = id;
});
find("#main", HTMLElement).addEventListener("signed-out", () => account.refresh());
account.refresh();
feed.restart();
refresh();
setInterval(() => document.visibilityState === "visible" && refresh(), EVERY_MS);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refresh());
