// @ts-check
/** The videos of a profile, as a grid of links to their pages. */

import { icon, localUrl, make } from "./dom.js";
import { compact } from "./format.js";

/** @typedef {{ id: number, description: string, thumbnail: string, views: number }} Video */

/** @param {Video[]} videos */
export const videoGrid = (videos) => make("ul", { class: "videos" }, ...videos.map(tile));

/** @param {Video} video */
function tile({ id, description, thumbnail, views }) {
  const picture = thumbnail ? [make("img", { src: localUrl(thumbnail), alt: "", loading: "lazy" })] : [];
  const seen = make("span", { class: "views" }, icon("play"), make("span", {}, compact(views)), make("span", { class: "unseen" }, " views"));
  return make("li", {}, make("a", { href: `/v/${id}`, "aria-label": `${description || "Video"}, ${compact(views)} views` }, ...picture, seen));
}
