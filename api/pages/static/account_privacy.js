// @ts-check
/** Who sees and reaches the user. */

import { call } from "./api.js";
import { choiceRow, switchRow } from "./switch_row.js";

const WRITERS = { everyone: "Everyone", friends: "Friends", no_one: "No one" };

/**
 * @param {HTMLElement} place
 * @param {import("./account_page.js").Loaded} all
 */
export function showPrivacy(place, { own, privacy }) {
  place.replaceChildren(
    switchRow("Private account", "Only followers whom you accept see your videos and lists. When you turn it off, open requests are accepted.", own.private === 1,
      (on) => call("editProfile", { private: Number(on) })),
    switchRow("Profile visits", "People whose profile you visit see that you were there.", own.profile_view === 1,
      (on) => call("editProfile", { profile_view: Number(on) })),
    switchRow("Found by phone number", "People who have your number in their contacts find you.", privacy.found_by_contacts === 1,
      (on) => call("addPrivacySetting", { found_by_contacts: Number(on) })),
    choiceRow("Who may write to you", "Friends are people whom you follow and who follow you.", WRITERS, privacy.direct_message,
      (direct_message) => call("addPrivacySetting", { direct_message })));
}
