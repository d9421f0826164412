// @ts-check
/** A direct message, as calls answer it and as the personal socket tells it, and how it is shown. */

import { icon, localUrl, make } from "./dom.js";
import { instant } from "./format.js";

/**
 * @typedef {{ number: number, change: number, sender_id: number, type: string, text: string, picture: string, picture_small: string, video_id: number,
 *   live_streaming_id: number, client_ref: string, created: string, retracted: number, deleted: number }} Answered
 * @typedef {{ number: number, change: number, senderId: number, kind: string, text: string, picture: string, small: string, streamId: number, videoId: number,
 *   ref: string, at: string, gone: "" | "retracted" | "deleted" }} DirectMessage
 */

const GONE = { retracted: "Message taken back", deleted: "Message deleted" };
const TIME = new Intl.DateTimeFormat("en", { hour: "numeric", minute: "2-digit" });

/**
 * @param {Answered} message
 * @returns {DirectMessage}
 */
export const fromAnswer = (message) => ({
  number: message.number,
  change: message.change,
  senderId: message.sender_id,
  kind: message.type,
  text: message.text,
  picture: message.picture,
  small: message.picture_small,
  streamId: message.live_streaming_id,
  videoId: message.video_id,
  ref: message.client_ref,
  at: instant(message.created),
  gone: message.deleted ? "deleted" : message.retracted ? "retracted" : "",
});

/**
 * @param {import("./personal_socket.js").Message} message
 * @returns {DirectMessage}
 */
export const fromSocket = (message) => ({
  number: message.number,
  change: message.change,
  senderId: message.sender_id,
  kind: message.kind,
  text: message.text,
  picture: message.picture,
  small: message.picture_small,
  streamId: message.stream_id,
  videoId: message.video_id,
  ref: message.client_ref,
  at: message.created_at,
  gone: message.deleted ? "deleted" : message.retracted ? "retracted" : "",
});

/**
 * The message in one line.
 * @param {DirectMessage} message
 * @param {number} otherId
 */
export function summary(message, otherId) {
  const who = message.senderId === otherId ? "" : "You: ";
  if (message.gone) return GONE[message.gone];
  return who + (message.text || { picture: "Picture", video: "Video", stream: "Live stream" }[message.kind] || "");
}

/**
 * The content of a message's bubble.
 * @param {DirectMessage} message
 */
export function bubble(message) {
  const parts = [];
  if (message.gone) return [make("em", {}, GONE[message.gone])];
  if (message.picture) {
    parts.push(make("a", { class: "picture", href: localFile(message.picture), target: "_blank", rel: "noopener" }, make("img", { src: localFile(message.small || message.picture), alt: "Picture" })));
  }
  if (message.kind === "stream") parts.push(message.streamId ? make("a", { class: "shared", href: `/watch/${message.streamId}` }, icon("play"), "Live stream") : make("em", {}, "This stream is not available."));
  if (message.kind === "video") parts.push(message.videoId ? make("a", { class: "shared", href: `/v/${message.videoId}` }, icon("play"), "Video") : make("em", {}, "This video is not available."));
  if (message.text) parts.push(make("p", { dir: "auto" }, message.text));
  return parts;
}

/** @param {string} at */
export const timeOf = (at) => make("time", { datetime: at }, TIME.format(new Date(at)));

/**
 * A signed address of this server's files without its origin, so that it also works under another host name.
 * @param {string} url
 */
function localFile(url) {
  if (!URL.canParse(url)) return localUrl(url);
  const { pathname, search } = new URL(url);
  return pathname.startsWith("/files/") ? pathname + search : localUrl(url);
}
