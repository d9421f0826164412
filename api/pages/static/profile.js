// @ts-check
/** The profile page: a user, what the viewer can do, the user's videos. */

import { Account } from "./account.js";
import { Refused, ask, call } from "./api.js";
import { avatar, coins, find, icon, make } from "./dom.js";
import { compact } from "./format.js";
import { personLine, personOf, verifiedMark } from "./people.js";
import { actions } from "./profile_actions.js";
import { showList } from "./profile_lists.js";
import { videoLists } from "./profile_videos.js";

/**
 * `open`: the viewer sees the videos and the lists.
 * @typedef {{ viewer_id: number, user_id: number, username: string, name: string, bio: string, website: string, profile_pic: string, verified: boolean,
 *   private: boolean, followers: number, following: number, own: boolean, follows: boolean, followed: boolean, requested: boolean,
 *   notified: boolean, blocked: boolean, open: boolean, live_id: number,
 *   shown: import("./profile_videos.js").Videos }} Profile
 */

const RETRY_MS = 4_000;
const GIVERS = 5;

const root = find("#main", HTMLElement);
const place = find("#person", HTMLElement);
const content = find("#content", HTMLElement);
const givers = find("#givers", HTMLElement);
const unreached = find("#unreached", HTMLElement);
/** @type {Profile} */
let profile = JSON.parse(root.dataset.profile ?? "");
const account = new Account();
let retryTimer = 0;

/** Reads the profile again and shows it; retries until the server answers. A user who is hidden meanwhile gets the error page. */
async function refresh() {
  clearTimeout(retryTimer);
  try {
    profile = await ask("GET", `/profile/${encodeURIComponent(profile.username)}`);
    unreached.hidden = true;
    show();
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return location.reload();
    unreached.hidden = false;
    retryTimer = setTimeout(refresh, RETRY_MS);
  }
}

function show() {
  const { name, username, bio } = profile;
  const names = make("div", { class: "names" }, make("h1", {}, make("bdi", {}, name || username), ...verifiedMark(profile)), make("p", { class: "handle", dir: "auto" }, `@${username}`));
  const picture = make("div", { class: "portrait" }, avatar(profile), ...liveBadge());
  /** @type {HTMLElement[]} */
  const parts = [make("div", { class: "who" }, picture, names)];
  if (bio) parts.push(make("p", { class: "bio", dir: "auto" }, bio));
  parts.push(...website(profile.website));
  if (!profile.blocked) parts.push(figures());
  parts.push(actions(profile, account, refresh));
  // A button that is at work is disabled, so it has lost the focus; a dialog gives it back to a button that is gone.
  const focused = document.querySelector("#person .actions :is(:focus, :disabled), dialog:modal") !== null;
  place.replaceChildren(...parts);
  if (focused) find(".actions :is(a, button)", HTMLElement, place).focus();
  content.replaceChildren(...body());
  showGivers();
}

/** Those of this week. The section is hidden if there are none, or if the viewer does not see them. */
async function showGivers() {
  if (!profile.open) {
    givers.hidden = true;
    return;
  }
  /** @type {import("./top_givers.js").Answer} */
  const { TopGifters } = await call("showTopGifters", { receiver_id: profile.user_id, period: "week" }).catch(() => ({ TopGifters: [] }));
  find("ol", HTMLElement, givers).replaceChildren(...TopGifters.slice(0, GIVERS).map(({ coin, User }) => personLine(personOf(User), coins(coin))));
  givers.hidden = TopGifters.length === 0 || !profile.open;
}

function liveBadge() {
  return profile.live_id ? [make("a", { class: "badge live", href: `/watch/${profile.live_id}` }, "Live now")] : [];
}

/**
 * Only web addresses become links: a profile must not run scripts.
 * @param {string} address
 */
function website(address) {
  const full = /^https?:\/\//i.test(address) ? address : `https://${address}`;
  if (!address || !URL.canParse(full)) return [];
  const url = new URL(full);
  const shown = `${url.host}${url.pathname}`.replace(/\/$/, "");
  return [make("a", { class: "website", href: url.href, rel: "noopener noreferrer nofollow ugc", target: "_blank" }, shown)];
}

function figures() {
  return make("div", { class: "counts" },
    countButton(profile.followers, "follower", "followers", "Followers", "showFollowers"),
    countButton(profile.following, "following", "following", "Following", "showFollowing"));
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} many
 * @param {string} title
 * @param {"showFollowers" | "showFollowing"} endpoint
 */
function countButton(count, one, many, title, endpoint) {
  const words = [make("b", {}, compact(count)), ` ${count === 1 ? one : many}`];
  if (!profile.open) return make("span", { class: "count-of" }, ...words);
  const element = make("button", { type: "button", class: "count-of" }, ...words);
  element.addEventListener("click", () => showList(title, endpoint, profile));
  return element;
}

function body() {
  if (profile.blocked) return [card("hide", "You blocked this person", "You do not see or reach each other. Unblock to see this profile again.")];
  if (!profile.open) {
    return [card("lock", "This account is private", profile.requested
      ? "Your request is sent. You see the videos when it is accepted."
      : "Follow this account to see its videos and lists.")];
  }
  return videoLists(profile);
}

/**
 * @param {string} image
 * @param {string} title
 * @param {string} text
 */
const card = (image, title, text) => make("div", { class: "empty" }, icon(image), make("h2", {}, title), make("p", { class: "hint" }, text));

account.onChange((user) => {
  if ((user?.user_id ?? 0) !== profile.viewer_id) refresh();
});
root.addEventListener("signed-out", () => account.refresh());
account.personal.listen({ back: refresh, entry: ({ sender }) => void (sender.id === profile.user_id && refresh()) });
show();
account.refresh();
