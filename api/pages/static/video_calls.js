// @ts-check
/** The contract's calls about videos, with the types of their answers. */

import { call } from "./api.js";

/** @typedef {import("./people.js").User} User */
/**
 * @typedef {{ id: number, user_id: number, description: string, video: string, video_small: string, thum: string, view: number, privacy_type: Privacy, allow_comments: string,
 *   allow_duet: number, pin_comment_id: number, share: number, duration: number, width: number, height: number, created: string, like: number, favourite: number,
 *   repost: number, like_count: number, comment_count: number, favourite_count: number, upload_state: "processing" | "ready" | "failed",
 *   upload_progress: number, upload_failure: string }} Video
 * @typedef {"public" | "friends" | "private"} Privacy
 * @typedef {{ Video: Video, User: User }} FeedItem
 */

/**
 * A page of the feed of everybody's videos. Pages start at 0.
 * @param {number} page
 * @param {string} reader  by which the server tells the feeds of guests apart: its pages continue where the last one ended
 * @returns {Promise<FeedItem[]>}
 */
export const showFeed = (page, reader) => call("showRelatedVideos", { starting_point: page, device_id: reader });

/**
 * @param {number} videoId
 * @returns {Promise<FeedItem>}
 */
export const showVideo = (videoId) => call("showVideoDetail", { video_id: videoId });
