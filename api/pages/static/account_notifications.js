// @ts-check
/** What the user is told of. */

import { call } from "./api.js";
import { switchRow } from "./switch_row.js";

/** @typedef {import("./account_page.js").Notified} Notified */

/** @type {[name: keyof Notified, label: string, hint: string][]} */
const KINDS = [
  ["new_followers", "Followers", "New followers, requests and answers."],
  ["direct_messages", "Messages", ""],
  ["video_updates", "Live streams and videos", "Of people you follow."],
  ["mentions", "Mentions", ""],
  ["comments", "Comments", ""],
  ["likes", "Likes", ""],
];

/**
 * @param {HTMLElement} place
 * @param {import("./account_page.js").Loaded} all
 */
export function showNotifications(place, { notified }) {
  let known = notified;
  let last = Promise.resolve();
  /**
   * A call sets all of them, so a change waits for the one before it.
   * @param {Partial<Notified>} change
   */
  const save = (change) => {
    const saved = last.then(async () => {
      const { likes, comments, new_followers, mentions, direct_messages, video_updates } = { ...known, ...change };
      known = (await call("updatePushNotificationSettings", { likes, comments, new_followers, mentions, direct_messages, video_updates })).PushNotification;
    });
    last = saved.catch(() => undefined);
    return saved;
  };
  place.replaceChildren(...KINDS.map(([name, label, hint]) => switchRow(label, hint, notified[name] === 1, (on) => save({ [name]: Number(on) }))));
}
