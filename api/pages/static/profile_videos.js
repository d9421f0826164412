// @ts-check
/** The videos of a profile, as a grid; one plays in a dialog. */

import { icon, localUrl, make } from "./dom.js";
import { compact } from "./format.js";

/** @typedef {{ id: number, description: string, url: string, thumbnail: string, views: number }} Video */

/** @param {Video[]} videos */
export const videoGrid = (videos) => make("ul", { class: "videos" }, ...videos.map(tile));

/** @param {Video} video */
function tile(video) {
  const picture = video.thumbnail ? [make("img", { src: localUrl(video.thumbnail), alt: "", loading: "lazy" })] : [];
  const views = make("span", { class: "views" }, icon("play"), make("span", {}, compact(video.views)), make("span", { class: "unseen" }, " views"));
  const open = make("button", { type: "button", "aria-label": `Play: ${video.description || "video"}, ${compact(video.views)} views` }, ...picture, views);
  open.addEventListener("click", () => play(video));
  return make("li", {}, open);
}

/** @param {Video} video */
function play(video) {
  const close = make("button", { type: "button", class: "close round", "aria-label": "Close" }, icon("close"));
  const player = make("video", { src: localUrl(video.url), controls: "", autoplay: "", loop: "", playsinline: "", "aria-label": video.description || "Video" });
  const dialog = make("dialog", { class: "dialog theatre", "aria-label": "Video" }, player, make("p", { dir: "auto" }, video.description), close);
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => {
    player.pause();
    dialog.remove();
  });
  document.querySelector("#main")?.append(dialog);
  dialog.showModal();
}
