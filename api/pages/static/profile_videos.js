// @ts-check
/** The videos of a profile, as a grid of links to their pages. */

import { icon, localUrl, make } from "./dom.js";
import { compact } from "./format.js";

/**
 * @typedef {{ id: number, description: string, thumbnail: string, views: number, privacy: "public" | "friends" | "private",
 *   state: "processing" | "ready" | "failed", pinned: boolean }} Video
 */

/** @param {Video[]} videos */
export const videoGrid = (videos) => make("ul", { class: "videos" }, ...videos.map(tile));

/** @param {Video} video */
function tile({ id, description, thumbnail, views, privacy, state, pinned }) {
  const picture = thumbnail ? [make("img", { src: localUrl(thumbnail), alt: "", loading: "lazy" })] : [];
  const seen = make("span", { class: "views" }, icon("play"), make("span", {}, compact(views)), make("span", { class: "unseen" }, " views"));
  const marks = [
    ...(pinned ? [make("span", { class: "badge" }, icon("pin"), "Pinned")] : []),
    ...(state === "ready" ? [] : [make("span", { class: "badge" }, { processing: "Being processed", failed: "Failed" }[state])]),
    ...(privacy === "public" ? [] : [make("span", { class: "badge" }, icon("lock"), { friends: "Friends", private: "Only you" }[privacy])]),
  ];
  const title = make("span", { class: "unseen" }, `${description || "Video"}, `);
  return make("li", {}, make("a", { href: `/v/${id}` }, ...picture, make("span", { class: "marks" }, ...marks), title, seen));
}
