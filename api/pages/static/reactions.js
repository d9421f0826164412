// @ts-check
/** The buttons beside a video: like, comments, save, share, and a menu. Each sends the state that the viewer wants. */

import { Refused, call, callInFull, messageOf } from "./api.js";
import { confirm } from "./confirm.js";
import { icon, make } from "./dom.js";
import { compact } from "./format.js";
import { menu } from "./menu.js";
import { Reaction } from "./reaction.js";
import { showReport } from "./report_dialog.js";
import { editVideo } from "./video_fields.js";

/** @typedef {import("./video_calls.js").FeedItem} FeedItem */
/** @typedef {import("./video_calls.js").Video} Video */
/** @typedef {import("./account.js").Account} Account */

const SHOWN_MS = 4_000;

/**
 * @typedef {object} Options
 * @property {Account} account
 * @property {HTMLElement} error
 * @property {() => void} showComments
 * @property {(video: Video) => void} onChange  its owner has edited it
 * @property {() => void} onGone  the viewer has deleted the video, or does not want to see it
 */

/**
 * @param {() => FeedItem} item  as it is now: its owner may have edited it
 * @param {Options} options
 */
export function reactions(item, { account, error, showComments, onChange, onGone }) {
  const { Video, User } = item();
  const video_id = Video.id;
  const status = make("span", { class: "said", role: "status" });
  let fades = 0;
  /** @param {string} text */
  const say = (text) => {
    clearTimeout(fades);
    status.textContent = text;
    fades = setTimeout(() => status.replaceChildren(), SHOWN_MS);
  };
  /**
   * Asks guests to sign in first.
   * @param {() => Promise<unknown>} work
   */
  const signedIn = async (work) => {
    if (!account.user) return account.askToSignIn(() => like.element);
    error.textContent = "";
    try {
      await work();
    } catch (refused) {
      error.textContent = messageOf(refused);
      if (refused instanceof Refused && refused.status === 401) error.dispatchEvent(new Event("signed-out", { bubbles: true }));
    }
  };
  const like = new Reaction("Like", "heart", Video.like === 1, Video.like_count,
    async (wanted) => (await callInFull("likeVideo", { video_id, like: Number(wanted) })).like_count);
  const save = new Reaction("Save", "save", Video.favourite === 1, Video.favourite_count,
    async (wanted) => (await callInFull("addVideoFavourite", { video_id, favourite: Number(wanted) })).fav_count);
  like.element.setAttribute("aria-keyshortcuts", "l");
  for (const reaction of [like, save]) reaction.element.addEventListener("click", () => signedIn(() => reaction.toggle()));

  const comments = make("button", { type: "button", class: "reaction", title: "Comments" }, icon("comments"), make("span", { class: "unseen" }, "Comments "), make("span", { class: "count" }));
  /** @param {number} count */
  const countComments = (count) => comments.lastElementChild?.replaceChildren(count > 0 ? compact(count) : "");
  countComments(Video.comment_count);
  comments.addEventListener("click", showComments);

  const share = make("button", { type: "button", class: "reaction", title: "Share" }, icon("share"), make("span", { class: "unseen" }, "Share"));
  share.addEventListener("click", async () => {
    const url = new URL(`/v/${video_id}`, location.origin).href;
    if (!(await shared({ url, title: item().Video.description || `Video by ${User.username}` }, say))) return;
    if (account.user) call("shareVideo", { video_id }).catch(() => undefined); // only a count
  });

  let reposted = Video.repost === 1;
  const repost = async () => {
    await callInFull("repostVideo", { video_id, repost: Number(!reposted) });
    reposted = !reposted;
    say(reposted ? "Reposted" : "No longer reposted");
  };
  /** @returns {import("./menu.js").Choice[]} */
  const choices = () => {
    if (account.user?.user_id === Video.user_id) return [["Edit", () => editVideo(item().Video, onChange)], ["Delete", askToDelete]];
    return [
      [reposted ? "Undo the repost" : "Repost", () => signedIn(repost)],
      ["Not interested", () => signedIn(notInterested)],
      ["Report", () => signedIn(() => showReport("Report this video", "reportVideo", { video_id }))],
    ];
  };
  const notInterested = async () => {
    await call("NotInterestedVideo", { video_id });
    onGone();
  };
  const askToDelete = () => confirm("Delete this video?", "It disappears at once, with its likes and comments. It cannot be brought back.", "Delete", async () => {
    await call("deleteVideo", { video_id });
    onGone();
  });
  const element = make("div", { class: "reactions", role: "group", "aria-label": "Reactions" }, like.element, comments, save.element, share, menu("More", choices), status);
  return { element, countComments, like: () => like.element.click() };
}

/**
 * Opens the phone's dialog for links, or copies the link. Resolves to whether it was shared.
 * @param {{ url: string, title: string }} link
 * @param {(text: string) => void} say
 */
async function shared(link, say) {
  try {
    if (navigator.share && matchMedia("(pointer: coarse)").matches) await navigator.share(link);
    else {
      await navigator.clipboard.writeText(link.url);
      say("Link copied");
    }
    return true;
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "AbortError")) say(link.url); // to be copied by hand
    return false;
  }
}
