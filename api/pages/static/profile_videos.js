// @ts-check
/** The videos of a profile, and what the user reposted, liked and saved: grids of links to the pages of videos. */

import { Refused, ask, call } from "./api.js";
import { button, icon, localUrl, make } from "./dom.js";
import { attempt, errorPlace } from "./forms.js";
import { compact } from "./format.js";

/**
 * @typedef {{ id: number, description: string, thumbnail: string, views: number, privacy: "public" | "friends" | "private",
 *   state: "processing" | "ready" | "failed", pinned: boolean }} Video
 */

/**
 * A part of a list. `next`: where the rest begins; 0: there is none.
 * @typedef {{ videos: Video[], next: number }} Videos
 */

/** The lists besides the user's videos, by the calls that read them. */
const LISTS = { Reposts: "showUserRepostedVideos", Liked: "showUserLikedVideos", Saved: "showFavouriteVideos" };
const VIDEOS = "Videos";
/** Videos in an answer of the contract, unless there are no more. */
const PAGE = 10;

/** The contract's code where the viewer may not see a list. */
const REFUSED = 201;

/** The list that the viewer has chosen. It stays when the profile is shown again. */
let chosen = VIDEOS;

/**
 * The lists that the viewer may choose, and the chosen one.
 * @param {{ user_id: number, username: string, own: boolean, shown: Videos }} profile
 */
export function videoLists(profile) {
  const place = make("div", { class: "list" });
  const names = [VIDEOS, ...Object.keys(LISTS).filter((name) => profile.own || name !== "Saved")];
  const tabs = names.map((name) => button(name, () => choose(name), "tab"));
  /** @param {string} name */
  const choose = (name) => {
    chosen = name;
    for (const tab of tabs) tab.setAttribute("aria-pressed", String(tab.textContent === name));
    place.replaceChildren(...(name === VIDEOS ? own(profile) : others(/** @type {keyof typeof LISTS} */ (name), profile.user_id)));
  };
  choose(names.includes(chosen) ? chosen : VIDEOS);
  return [make("h2", { class: "unseen" }, "Videos"), make("div", { class: "tabs", role: "group", "aria-label": "Lists of videos" }, ...tabs), place];
}

/** @param {{ username: string, own: boolean, shown: Videos }} profile */
function own({ username, own, shown }) {
  const none = own ? "What you upload is shown here." : "";
  return grid("No videos yet", none, shown, (before) => ask("GET", `/profile/${encodeURIComponent(username)}/videos?before=${before}`));
}

/**
 * @param {keyof typeof LISTS} name
 * @param {number} userId
 */
function others(name, userId) {
  return grid("Nothing here yet", "", null, async (page) => {
    /** @type {import("./video_calls.js").FeedItem[]} */
    const items = await call(LISTS[name], { other_user_id: userId, starting_point: page });
    const videos = items.map(({ Video: { id, description, thum, view, privacy_type, upload_state } }) => (
      { id, description, thumbnail: thum, views: view, privacy: privacy_type, state: upload_state, pinned: false }));
    return { videos, next: items.length < PAGE ? 0 : page + 1 };
  });
}

/**
 * A grid with a button for the rest.
 * @param {string} title  where there are no videos
 * @param {string} text
 * @param {Videos | null} first  null: not read yet
 * @param {(next: number) => Promise<Videos>} read
 */
function grid(title, text, first, read) {
  const list = make("ul", { class: "videos" });
  const none = make("div", { class: "empty" }, icon("play"), make("h3", {}, title), ...(text ? [make("p", { class: "hint" }, text)] : []));
  const error = errorPlace();
  let next = 0;
  /** @param {Videos} part */
  const add = (part) => {
    list.append(...part.videos.map(tile));
    next = part.next;
    more.hidden = next === 0;
    none.hidden = list.childElementCount > 0;
  };
  const more = button("Show more", () => load(), "button wide more");
  const load = () => attempt(more, error, async () => {
    const part = await read(next).catch((failure) => {
      more.hidden = failure instanceof Refused && failure.status === REFUSED; // otherwise the viewer may try again
      throw failure;
    });
    add(part);
  });
  none.hidden = more.hidden = true;
  if (first) add(first);
  else load();
  return [list, none, error, more];
}

/** @param {Video} video */
function tile({ id, description, thumbnail, views, privacy, state, pinned }) {
  const picture = thumbnail ? [make("img", { src: localUrl(thumbnail), alt: "", loading: "lazy" })] : [];
  const seen = make("span", { class: "views" }, icon("play"), make("span", {}, compact(views)), make("span", { class: "unseen" }, " views"));
  const marks = [
    ...(pinned ? [make("span", { class: "badge" }, icon("pin"), "Pinned")] : []),
    ...(state === "ready" ? [] : [make("span", { class: "badge" }, { processing: "Processing", failed: "Failed" }[state])]),
    ...(privacy === "public" ? [] : [make("span", { class: "badge" }, icon("lock"), { friends: "Friends", private: "Only you" }[privacy])]),
  ];
  const title = make("span", { class: "unseen" }, `${description || "Video"}, `);
  return make("li", {}, make("a", { href: `/v/${id}` }, ...picture, make("span", { class: "marks" }, ...marks), title, seen));
}
