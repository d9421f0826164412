// @ts-check
/** The list of conversations, with the requests of strangers apart. */

import { call } from "./api.js";
import { avatar, find, make } from "./dom.js";
import { ago } from "./format.js";
import { personOf } from "./people.js";
import { fromAnswer, summary } from "./direct_message.js";

/**
 * @typedef {{ Conversation: { unread: number, state: string, other_user_id: number },
 *   User: import("./people.js").User, DirectMessage?: import("./direct_message.js").Answered }} Item
 */

/** Conversations in an answer, unless there are no more. */
const PAGE = 10;

export class ConversationList {
  #pages = 1;
  /** @type {Promise<void> | null} */ #reading = null;
  /** @type {Promise<void> | null} */ #next = null;

  /**
   * @param {HTMLElement} place
   * @param {string} current  the username of the conversation that is open
   */
  constructor(place, current) {
    this.current = current;
    this.list = find(".open", HTMLElement, place);
    this.requests = find(".requests", HTMLElement, place);
    this.none = find(".empty", HTMLElement, place);
    this.more = find(".more", HTMLButtonElement, place);
    this.more.addEventListener("click", () => {
      this.#pages += 1;
      this.load().catch(() => undefined);
    });
  }

  /** Calls while the list is being read share one more reading after it, so that a burst of messages costs two. */
  load() {
    this.#next ??= (this.#reading ?? Promise.resolve()).catch(() => undefined).then(() => {
      this.#next = null;
      this.#reading = this.#read();
      return this.#reading;
    });
    return this.#next;
  }

  async #read() {
    /** @type {[Item[], ...Item[][]]} */
    const [requests, ...pages] = /** @type {any} */ (await Promise.all([
      call("showMessageRequests"),
      ...Array.from({ length: this.#pages }, (_, index) => call("showConversations", { starting_point: index })),
    ]));
    find(".threads", HTMLElement, this.requests).replaceChildren(...requests.map((item) => this.#line(item)));
    this.requests.hidden = requests.length === 0;
    this.list.replaceChildren(...pages.flat().map((item) => this.#line(item)));
    this.list.setAttribute("aria-busy", "false");
    this.more.hidden = (pages.at(-1)?.length ?? 0) < PAGE;
    this.none.hidden = requests.length + this.list.childElementCount > 0;
  }

  /** @param {Item} item */
  #line({ Conversation: { unread }, User, DirectMessage }) {
    const person = personOf(User);
    const last = DirectMessage && fromAnswer(DirectMessage);
    const name = person.name || person.username || "Account not available";
    const words = make("span", { class: "words" }, make("b", { dir: "auto" }, name), make("span", { dir: "auto" }, last ? summary(last, person.user_id) : ""));
    const side = make("span", { class: "aside" }, ...(last ? [make("time", { datetime: last.at }, ago(last.at))] : []));
    if (unread) side.append(make("span", { class: "count" }, String(unread), make("span", { class: "unseen" }, " unread")));
    // A banned or deleted user has no name any more, and so no page.
    const link = make("a", person.username ? { href: `/messages/${encodeURIComponent(person.username)}` } : {}, avatar(person), words, side);
    if (person.username && person.username === this.current) link.setAttribute("aria-current", "page");
    return make("li", unread ? { class: "fresh" } : {}, link);
  }
}
