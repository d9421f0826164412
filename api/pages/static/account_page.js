// @ts-check
/** The account page: loads the account, and shows its sections. */

import { Account } from "./account.js";
import { showContact } from "./account_contacts.js";
import { showDeletion } from "./account_deletion.js";
import { showEarnings } from "./account_earnings.js";
import { showExport } from "./account_export.js";
import { showNotifications } from "./account_notifications.js";
import { showPassword } from "./account_password.js";
import { showPicture } from "./account_picture.js";
import { showPrivacy } from "./account_privacy.js";
import { showProfile } from "./account_profile.js";
import { showSessions } from "./account_sessions.js";
import { Refused, ask, call } from "./api.js";
import { showCoinHistory } from "./coin_history.js";
import { find } from "./dom.js";

/**
 * The signed-in user's own record, as the contract answers it.
 * @typedef {{ id: string | number, username: string, first_name: string, last_name: string, gender: string, bio: string, website: string, dob: string,
 *   email: string, phone: string, profile_pic: string, private: number, profile_view: number }} Own
 */
/** @typedef {{ direct_message: string, found_by_contacts: number }} Privacy */
/** @typedef {{ likes: number, comments: number, new_followers: number, mentions: number, direct_messages: number, video_updates: number }} Notified */
/** @typedef {{ has_password: boolean, deletion_days: number }} Current */
/**
 * What a section gets: the account as it is, and `changed`, which loads it again and moves the focus to a section's heading.
 * @typedef {{ account: Account, own: Own, privacy: Privacy, notified: Notified, current: Current, changed: (place?: HTMLElement) => Promise<void> }} Loaded
 */

const RETRY_MS = 4_000;

const guest = find("#guest", HTMLElement);
const gone = find("#gone", HTMLElement);
const parts = find("#own", HTMLElement);
const unreached = find("#unreached", HTMLElement);
const back = find("#back", HTMLElement);

const account = new Account();
let retryTimer = 0;

/** @param {HTMLElement} shown */
function showOnly(shown) {
  for (const part of [guest, gone, parts]) part.hidden = part !== shown;
}

/** @returns {Promise<Loaded>} */
async function loaded() {
  const [profile, current] = await Promise.all([call("showUserDetail"), ask("GET", "/account/current")]);
  return { account, own: profile.User, privacy: profile.PrivacySetting, notified: profile.PushNotification, current, changed };
}

/** @param {Loaded} all */
function showContacts(all) {
  showContact(find("#email", HTMLElement), "email", all);
  showContact(find("#phone", HTMLElement), "phone", all);
  showPassword(find("#password", HTMLElement), all);
}

/** Loads and shows everything; retries until the server answers. */
async function load() {
  clearTimeout(retryTimer);
  try {
    const all = await loaded();
    showPicture(find("#picture", HTMLElement), all);
    showProfile(find("#profile", HTMLElement), all);
    showContacts(all);
    showPrivacy(find("#privacy", HTMLElement), all);
    showNotifications(find("#notifications", HTMLElement), all);
    showExport(find("#export", HTMLElement), all);
    showDeletion(find("#deletion", HTMLElement), find("#delete", HTMLDialogElement), all, showGone);
    await Promise.all([
      showEarnings(all),
      showCoinHistory(find("#coins", HTMLElement)),
      showSessions(find("#sessions", HTMLElement), account),
    ]);
    unreached.hidden = true;
    if (account.user) showOnly(parts);
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return account.refresh();
    unreached.hidden = false;
    retryTimer = setTimeout(load, RETRY_MS);
  }
}

/**
 * After a change: shows the header, the addresses and the picture as they are now. The profile's inputs stay as the user left them.
 * @param {HTMLElement} [place]  gets the focus
 */
async function changed(place) {
  const [all] = await Promise.all([loaded(), account.refresh()]);
  showPicture(find("#picture", HTMLElement), all);
  showContacts(all);
  await Promise.all([showEarnings(all), showSessions(find("#sessions", HTMLElement), account)]);
  place?.querySelector("button")?.focus();
}

/** @param {string} sentence */
async function showGone(sentence) {
  find(".hint", HTMLElement, gone).textContent = sentence;
  showOnly(gone);
  find("h2", HTMLElement, gone).focus();
  await account.signOut();
}

account.onChange((user) => {
  if (user) return load();
  clearTimeout(retryTimer);
  find("#delete", HTMLDialogElement).close();
  if (!gone.hidden) return;
  const wasShown = !parts.hidden;
  find(".ways", HTMLElement, guest).replaceChildren(...account.forms(() => find("#profile-title", HTMLElement).focus()));
  showOnly(guest);
  if (wasShown) find("h2", HTMLElement, guest).focus();
});
account.onReach((reached) => { unreached.hidden = reached; });
find("#main", HTMLElement).addEventListener("signed-out", () => account.refresh());
if (location.search === "?back") {
  back.hidden = false;
  history.replaceState(null, "", location.pathname);
}
account.refresh();
