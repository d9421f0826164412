// @ts-check
/** Users in lists, with links to their profiles. */

import { avatar, icon, make } from "./dom.js";

/** @typedef {{ user_id: number, username: string, name: string, profile_pic: string, verified?: boolean }} Person */

/**
 * @typedef {{ id: number | string, username: string, first_name: string, last_name: string, profile_pic: string, verified: number | string,
 *   button: string, private: number | string }} User
 */

/**
 * A user as the contract answers it.
 * @param {User} user
 * @returns {Person}
 */
export const personOf = (user) => ({
  user_id: Number(user.id),
  username: user.username,
  name: `${user.first_name} ${user.last_name}`.trim(),
  profile_pic: user.profile_pic,
  verified: Number(user.verified) === 1,
});

/** @param {{ username: string }} person */
export const profilePath = ({ username }) => `/@${encodeURIComponent(username)}`;

/** @param {{ verified?: boolean }} person */
export function verifiedMark({ verified }) {
  if (!verified) return [];
  const mark = make("span", { class: "verified" }, icon("verified"), make("span", { class: "unseen" }, " Verified"));
  return [mark];
}

/**
 * The line of a user: picture and names, which link to the profile.
 * @param {Person} person
 * @param {...Node} beside
 */
export function personLine(person, ...beside) {
  const names = make("span", { class: "words" },
    make("b", {}, make("bdi", {}, person.name || person.username), ...verifiedMark(person)), make("span", { dir: "auto" }, `@${person.username}`));
  return make("li", { class: "person-line" }, make("a", { href: profilePath(person) }, avatar(person), names), ...beside);
}
