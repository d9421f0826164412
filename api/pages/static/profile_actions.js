// @ts-check
/** What a viewer can do on a profile: follow, write, block. Each call sends the state that the viewer wants. */

import { Refused, call } from "./api.js";
import { button, make } from "./dom.js";
import { attempt, errorPlace } from "./forms.js";
import { confirm } from "./confirm.js";
import { menu } from "./menu.js";
import { showReport } from "./report_dialog.js";

/** @typedef {import("./profile.js").Profile} Profile */
/** @typedef {import("./account.js").Account} Account */

const NOT_BLOCKED = 201;

/**
 * @param {Profile} profile
 * @param {Account} account
 * @param {() => Promise<unknown>} changed  shows the profile as it is now
 */
export function actions(profile, account, changed) {
  const error = errorPlace();
  const row = make("div", { class: "row" });
  if (profile.own) row.append(make("a", { class: "button", href: "/account" }, "Edit profile"), ...(profile.private ? [make("a", { class: "button", href: "/inbox#requests" }, "Follow requests")] : []));
  else if (profile.blocked) row.append(unblockButton(profile, error, changed));
  else row.append(followButton(profile, account, error, changed), messageLink(profile, account), more(profile, account, error, changed));
  return make("div", { class: "actions" }, row, error);
}

/**
 * @param {Profile} profile
 * @param {Account} account
 * @param {HTMLElement} error
 * @param {() => Promise<unknown>} changed
 */
function followButton(profile, account, error, changed) {
  const { user_id, name, username } = profile;
  const wanted = profile.follows || profile.requested ? 0 : 1;
  const follow = async () => {
    await call("followUser", { receiver_id: user_id, follow: wanted });
    await changed();
  };
  const element = button(label(profile), () => {
    if (isGuest(profile, account)) return account.askToSignIn(() => document.querySelector("#person .actions button"));
    if (profile.follows && profile.private) {
      return confirm(`Unfollow ${name || username}?`, "This account is private. You need a new request to see its videos again.", "Unfollow", follow);
    }
    attempt(element, error, follow);
  }, `button follow${wanted ? " primary" : ""}`);
  if (!wanted) element.title = profile.requested ? "Withdraw the request" : "Unfollow";
  return element;
}

/**
 * The page knows its viewer before the session is read.
 * @param {Profile} profile
 * @param {Account} account
 */
const isGuest = (profile, account) => !account.user && profile.viewer_id === 0;

/** @param {Profile} profile */
function label({ follows, followed, requested }) {
  if (follows) return followed ? "Friends" : "Following";
  if (requested) return "Requested";
  return followed ? "Follow back" : "Follow";
}

/**
 * @param {Profile} profile
 * @param {Account} account
 */
function messageLink(profile, account) {
  const element = make("a", { class: "button", href: `/messages/${encodeURIComponent(profile.username)}` }, "Message");
  element.addEventListener("click", (event) => {
    if (!isGuest(profile, account)) return;
    event.preventDefault();
    account.askToSignIn();
  });
  return element;
}

/**
 * @param {Profile} profile
 * @param {Account} account
 * @param {HTMLElement} error
 * @param {() => Promise<unknown>} changed
 */
function more(profile, account, error, changed) {
  const { user_id, name, username, notified, follows } = profile;
  /** @type {import("./menu.js").Choice[]} */
  const choices = [];
  const tell = async () => {
    await call("followerNotification", { receiver_id: user_id, notification: notified ? 0 : 1 });
    await changed();
  };
  if (follows) choices.push([notified ? "Do not tell me about live streams" : "Tell me about live streams", (toggle) => attempt(toggle, error, tell)]);
  choices.push([`Block @${username}`, () => {
    if (isGuest(profile, account)) return account.askToSignIn();
    confirm(`Block ${name || username}?`, "You will not see or reach each other, and you stop following each other. They are not told.", "Block", async () => {
      await call("blockUser", { block_user_id: user_id, block: 1 });
      await changed();
    });
  }]);
  const report = () => showReport(`Report @${username}`, "reportUser", { report_user_id: user_id });
  choices.push([`Report @${username}`, () => (isGuest(profile, account) ? account.askToSignIn() : report())]);
  return menu("More", () => choices);
}

/**
 * @param {Profile} profile
 * @param {HTMLElement} error
 * @param {() => Promise<unknown>} changed
 */
function unblockButton({ user_id }, error, changed) {
  const element = button("Unblock", () => attempt(element, error, async () => {
    try {
      await call("blockUser", { block_user_id: user_id, block: 0 });
    } catch (refused) {
      if (!(refused instanceof Refused && refused.status === NOT_BLOCKED)) throw refused; // so the contract says that it is done
    }
    await changed();
  }));
  return element;
}
