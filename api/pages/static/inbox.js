// @ts-check
/** The inbox: what the user was told, and requests to follow. */

import { Account } from "./account.js";
import { Refused, ask, call } from "./api.js";
import { avatar, find, icon, make } from "./dom.js";
import { ago } from "./format.js";
import { showPush } from "./inbox_push.js";
import { FollowRequests } from "./inbox_requests.js";
import { profilePath } from "./people.js";

/** @typedef {import("./people.js").Person} Person */
/**
 * An entry, or a group of entries that say the same.
 * @typedef {{ ids: number[], kind: string, text: string, senders: [Person, ...Person[]], read: boolean, at: string, stream_id: number, video_id: number }} Told
 */

const RETRY_MS = 4_000;

const guest = find("#guest", HTMLElement);
const own = find("#own", HTMLElement);
const list = find("#told", HTMLElement);
const none = find("#none", HTMLElement);
const more = find("#more", HTMLButtonElement);
const unreached = find("#unreached", HTMLElement);

const account = new Account();
const requests = new FollowRequests(find("#requests", HTMLElement));
/** Entries that were new when this page showed them first: they keep their mark until the page is left. */
const fresh = new Set();
let shown = 1;
let retryTimer = 0;

/** Reads the shown pages of the list, and marks them as read if the user sees them; retries until the server answers. */
async function load() {
  clearTimeout(retryTimer);
  if (!account.user) return;
  try {
    const pages = await Promise.all(Array.from({ length: shown }, (_, index) => ask("GET", `/inbox/entries?page=${index + 1}`)));
    unreached.hidden = true;
    show(pages.flatMap((page) => page.told), pages.at(-1)?.more ?? false);
    if (document.visibilityState === "visible" && pages.some((page) => page.told.some((/** @type {Told} */ { read }) => !read))) await call("readNotification");
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return account.refresh();
    unreached.hidden = false;
    retryTimer = setTimeout(load, RETRY_MS);
  }
}

/**
 * @param {Told[]} told
 * @param {boolean} hasMore
 */
function show(told, hasMore) {
  for (const { read, ids } of told) if (!read) for (const id of ids) fresh.add(id);
  list.replaceChildren(...told.map(line));
  list.setAttribute("aria-busy", "false");
  none.hidden = told.length > 0;
  more.hidden = !hasMore;
}

/** @param {Told} told */
function line(told) {
  const isFresh = told.ids.some((id) => fresh.has(id));
  const pictures = make("span", { class: "pictures" }, ...told.senders.map((sender) => avatar(sender)));
  const words = make("span", { class: "text" }, make("span", { dir: "auto" }, told.text), make("time", { datetime: told.at, title: new Date(told.at).toLocaleString() }, ago(told.at)));
  const mark = isFresh ? [make("span", { class: "unseen" }, "New")] : [];
  const live = told.kind === "live" && told.stream_id ? [make("span", { class: "badge live" }, icon("play"), "Watch")] : [];
  return make("li", isFresh ? { class: "fresh" } : {}, make("a", { href: target(told) }, pictures, words, ...live, ...mark));
}

/**
 * Where an entry leads.
 * @param {Told} told
 */
function target({ kind, senders, stream_id, video_id }) {
  const [sender] = senders;
  if (kind === "follow_request") return "#requests";
  if (kind === "message") return `/messages/${encodeURIComponent(sender.username)}`;
  if (stream_id) return `/watch/${stream_id}`;
  if (video_id) return `/v/${video_id}`;
  return profilePath(sender);
}

more.addEventListener("click", () => {
  shown += 1;
  load();
});
account.onChange((user) => {
  own.hidden = !user;
  guest.hidden = Boolean(user);
  fresh.clear();
  list.replaceChildren();
  if (!user) return find(".ways", HTMLElement, guest).replaceChildren(...account.forms(() => find("#told a, #none", HTMLElement).focus()));
  load();
  requests.load();
  showPush(find("#push", HTMLElement));
});
account.personal.listen({
  back() {
    load();
    requests.load();
  },
  entry({ kind }) {
    load();
    if (kind === "follow_request") requests.load();
  },
});
account.onReach((reached) => { unreached.hidden = reached; });
find("#main", HTMLElement).addEventListener("signed-out", () => account.refresh());
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && load());
setInterval(() => {
  for (const time of list.querySelectorAll("time")) time.textContent = ago(time.dateTime);
}, 60_000);
account.refresh();
