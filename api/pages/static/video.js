// @ts-check
/** The page of a video: the player, the description, the comments. */

import { Account } from "./account.js";
import { Clip, Sound, isForPage } from "./clip.js";
import { Comments } from "./comments.js";
import { find, make } from "./dom.js";
import { counted } from "./format.js";
import { showVideo } from "./video_calls.js";

/** @typedef {import("./video_calls.js").FeedItem} FeedItem */

const root = find("#main", HTMLElement);
/** @type {FeedItem} */
let item = JSON.parse(root.dataset.item ?? "");
const account = new Account();
const sound = new Sound();
const place = find("#comments", HTMLElement);
const clip = new Clip(item, {
  sound,
  account,
  showComments() {
    place.scrollIntoView({ block: "start" });
    comments.focus();
  },
  onChange: () => location.reload(), // comments may be open or closed now
  onGone: () => location.assign("/"),
});
const comments = new Comments(place, item, account, clip.reactions.countComments);

function showAbout() {
  const { description, view } = item.Video;
  find("#about", HTMLElement).replaceChildren(...(description ? [make("p", { class: "description", dir: "auto" }, description)] : []), make("p", { class: "hint" }, counted(view, "view")));
}

/** Shows how far an upload is. */
async function refresh() {
  if (item.Video.upload_state !== "processing") return;
  try {
    show(await showVideo(item.Video.id));
  } catch {
    // the server cannot be reached: the personal socket connects again and reads again
  }
}

/** @param {FeedItem} changed */
function show(changed) {
  item = changed;
  clip.update(item);
  showAbout();
}

find("#player", HTMLElement).append(clip.element);
showAbout();
clip.enter();
comments.load();
document.addEventListener("visibilitychange", () => clip.hold(document.visibilityState === "hidden"));
addEventListener("keydown", (event) => isForPage(event) && clip.pressKey(event));
let viewer = /** @type {number | null} */ (null);
account.onChange((user) => {
  const id = user?.user_id ?? 0;
  if (viewer !== null && viewer !== id) return location.reload(); // another viewer may see more, less or nothing
  viewer = id;
});
account.personal.listen({
  hello: refresh,
  video({ id, state, progress }) {
    if (id !== item.Video.id) return;
    if (state === "processing") show({ ...item, Video: { ...item.Video, upload_progress: progress } });
    else refresh();
  },
});
root.addEventListener("signed-out", () => account.refresh());
account.refresh();
