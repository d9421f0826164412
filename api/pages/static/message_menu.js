// @ts-check
/** What a reader can do with a message: delete it, take an own one back, report one of the other. */

import { call } from "./api.js";
import { attempt } from "./forms.js";
import { menu } from "./menu.js";
import { showReport } from "./report_dialog.js";

/** @typedef {import("./direct_message.js").DirectMessage} DirectMessage */

/** The server decides; after this time the choice is not offered any more. */
const RETRACTABLE_MS = 3_600_000;

/**
 * @param {DirectMessage} message
 * @param {import("./people.js").Person} other
 * @param {HTMLElement} error
 * @param {(gone: DirectMessage) => void} changed  gets the message as it is now
 */
export function messageMenu(message, other, error, changed) {
  const own = message.senderId !== other.user_id;
  const remove = (/** @type {0 | 1} */ forBoth) => async () => {
    const { change } = await call("deleteMessage", { other_user_id: other.user_id, number: message.number, for_both: forBoth });
    changed({ ...message, change, gone: forBoth ? "retracted" : "deleted" });
  };
  return menu("Message options", () => {
    /** @type {import("./menu.js").Choice[]} */
    const choices = [["Delete for me", (toggle) => attempt(toggle, error, remove(0))]];
    if (message.gone) return choices;
    if (!own) return [...choices, ["Report", () => showReport(`Report a message of @${other.username}`, "reportMessage", { other_user_id: other.user_id, number: message.number })]];
    if (Date.now() - Date.parse(message.at) < RETRACTABLE_MS) choices.push(["Take back", (toggle) => attempt(toggle, error, remove(1))]);
    return choices;
  });
}
