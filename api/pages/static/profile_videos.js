// @ts-check
/** The videos of a profile, as a grid of links to their pages. */

import { ask } from "./api.js";
import { button, icon, localUrl, make } from "./dom.js";
import { attempt, errorPlace } from "./forms.js";
import { compact } from "./format.js";

/**
 * @typedef {{ id: number, description: string, thumbnail: string, views: number, privacy: "public" | "friends" | "private",
 *   state: "processing" | "ready" | "failed", pinned: boolean }} Video
 */

/**
 * `next`: where the older ones begin; 0: there are none.
 * @typedef {{ videos: Video[], next: number }} Videos
 */

/**
 * The grid, and a button for older videos.
 * @param {string} username
 * @param {Videos} shown
 */
export function videoGrid(username, { videos, next }) {
  const list = make("ul", { class: "videos" }, ...videos.map(tile));
  const error = errorPlace();
  const more = button("Show more", () => attempt(more, error, async () => {
    /** @type {Videos} */
    const older = await ask("GET", `/profile/${encodeURIComponent(username)}/videos?before=${next}`);
    list.append(...older.videos.map(tile));
    next = older.next;
    more.hidden = next === 0;
  }), "button wide more");
  more.hidden = next === 0;
  return [list, error, more];
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
