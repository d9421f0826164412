// @ts-check
/** Requests to follow the user, whose account is private. */

import { call } from "./api.js";
import { button, find, make } from "./dom.js";
import { attempt } from "./forms.js";
import { personLine, personOf } from "./people.js";

/** @typedef {{ User: import("./people.js").User }} Request */

/** Requests in an answer, unless there are no more. */
const PAGE = 10;

export class FollowRequests {
  #pages = 1;

  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place;
    this.list = find(".people", HTMLElement, place);
    this.error = find(".error", HTMLElement, place);
    this.more = find(".more", HTMLButtonElement, place);
    this.more.addEventListener("click", () => {
      this.#pages += 1;
      this.load();
    });
  }

  load() {
    return attempt(this.more, this.error, async () => {
      /** @type {Request[][]} */
      const pages = await Promise.all(Array.from({ length: this.#pages }, (_, index) => call("showFollowRequests", { starting_point: index })));
      const hadFocus = this.list.contains(document.activeElement);
      this.list.replaceChildren(...pages.flat().map(({ User }) => this.#line(personOf(User))));
      this.more.hidden = (pages.at(-1)?.length ?? 0) < PAGE;
      this.place.hidden = this.list.childElementCount === 0;
      if (hadFocus) (this.list.querySelector("button") ?? document.querySelector("h1"))?.focus();
      if (location.hash === "#requests" && !this.place.hidden) this.place.scrollIntoView();
    });
  }

  /** @param {import("./people.js").Person} person */
  #line(person) {
    const name = person.name || person.username;
    const accept = button("Accept", () => this.#answer(accept, person, 1), "button small primary");
    const decline = button("Decline", () => this.#answer(decline, person, 0), "button small");
    accept.setAttribute("aria-label", `Accept ${name}`);
    decline.setAttribute("aria-label", `Decline ${name}`);
    return personLine(person, make("span", { class: "row" }, accept, decline));
  }

  /**
   * @param {HTMLButtonElement} pressed
   * @param {import("./people.js").Person} person
   * @param {0 | 1} accept
   */
  async #answer(pressed, person, accept) {
    await attempt(pressed, this.error, () => call("answerFollowRequest", { requester_id: person.user_id, accept }));
    if (!this.error.textContent) await this.load();
  }
}
