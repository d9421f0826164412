// @ts-check
/** The devices that are signed in. */

import { ask, call } from "./api.js";
import { deviceName } from "./device_name.js";
import { button, make, replaceContent } from "./dom.js";
import { attempt, errorPlace } from "./forms.js";

/** @typedef {{ id: string, current: number, app: string, device: string, address: string, country: string, last_used: string }} Session */

const WHEN = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const COUNTRIES = new Intl.DisplayNames("en", { type: "region" });

/**
 * @param {HTMLElement} place
 * @param {import("./account.js").Account} account
 */
export async function showSessions(place, account) {
  show(place, account, await listed());
}

/** @returns {Promise<Session[]>} */
const listed = async () => (await call("showSessions")).map((/** @type {{ Session: Session }} */ item) => item.Session);

/**
 * @param {HTMLElement} place
 * @param {import("./account.js").Account} account
 * @param {Session[]} sessions
 */
function show(place, account, sessions) {
  const error = errorPlace();
  const ordered = [...sessions.filter(({ current }) => current), ...sessions.filter(({ current }) => !current)];
  const rows = ordered.map((session) => {
    const name = deviceName(session.app, session.device);
    const end = button("Sign out", () => (session.current ? account.signOut() : attempt(end, error, async () => {
      await call("endSession", { session_id: session.id });
      show(place, account, await listed());
    })), "button small");
    end.setAttribute("aria-label", `Sign out ${name}${session.current ? ", this device" : ""}`);
    const words = make("div", { class: "words" }, make("b", { title: session.device }, name, ...(session.current ? [make("span", { class: "tag" }, "This device")] : [])),
      make("span", {}, details(session)));
    return make("li", { class: "setting" }, words, end);
  });
  const all = button("Sign out all other devices", () => attempt(all, error, async () => {
    await ask("DELETE", "/account/sessions");
    show(place, account, await listed());
  }));
  const others = ordered.length > 1 ? [all] : [make("p", { class: "hint" }, "You are signed in on no other device.")];
  replaceContent(place, make("ul", { class: "rows" }, ...rows), error, ...others);
}

/** @param {Session} session */
function details({ address, country, current, last_used }) {
  const used = current ? "active now" : `last used ${WHEN.format(new Date(`${last_used.replace(" ", "T")}Z`))}`;
  return [address, country && COUNTRIES.of(country), used].filter(Boolean).join(" · ");
}
