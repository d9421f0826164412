// @ts-check
/** The dialog with the followers of a user, or with those whom the user follows. */

import { call } from "./api.js";
import { button, icon, make } from "./dom.js";
import { attempt, errorPlace } from "./forms.js";
import { personLine, personOf } from "./people.js";

/** @typedef {import("./people.js").User} User */

/**
 * @param {string} title
 * @param {"showFollowers" | "showFollowing"} endpoint
 * @param {{ user_id: number }} of
 */
export function showList(title, endpoint, of) {
  const list = make("ul", { class: "people", "aria-label": title });
  const error = errorPlace();
  let next = 0;
  const more = button("Show more", () => load(), "button wide more");
  const none = make("p", { class: "hint", hidden: "" }, "Nobody yet.");
  const load = () => attempt(more, error, async () => {
    /** @type {{ User: User }[]} */
    const entries = await call(endpoint, { other_user_id: of.user_id, starting_point: next });
    next += 1;
    list.append(...entries.map(({ User }) => personLine(personOf(User))));
    more.hidden = entries.length < PAGE;
    none.hidden = list.childElementCount > 0;
  });
  const close = make("button", { type: "button", class: "close round", "aria-label": "Close" }, icon("close"));
  const dialog = make("dialog", { class: "dialog", "aria-label": title }, make("h2", {}, title), list, none, error, more, close);
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.querySelector("#main")?.append(dialog);
  dialog.showModal();
  load();
}

/** Users in an answer of the contract, unless there are no more. */
const PAGE = 10;
