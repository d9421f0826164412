// @ts-check
/** One conversation: its messages, what is being sent, how far the other has read. */

import { Refused, call } from "./api.js";
import { avatar, button, icon, make } from "./dom.js";
import { bubble, fromAnswer, fromSocket, timeOf } from "./direct_message.js";
import { confirm } from "./confirm.js";
import { attempt, errorPlace } from "./forms.js";
import { menu } from "./menu.js";
import { MessageForm } from "./message_form.js";
import { messageMenu } from "./message_menu.js";
import { Outbox } from "./outbox.js";
import { profilePath, verifiedMark } from "./people.js";

/** @typedef {import("./direct_message.js").DirectMessage} DirectMessage */
/** @typedef {import("./people.js").Person} Person */
/** @typedef {{ DirectMessage: import("./direct_message.js").Answered }} Item */

/** Messages in an answer, unless there are no more. */
const PAGE = 30;
const NEAR_END_PX = 120;

export class Conversation {
  /** @type {Map<number, DirectMessage>} */ #messages = new Map();
  /** @type {Map<DirectMessage, HTMLElement>} */ #lines = new Map();
  #state = "";
  #seen = 0;
  #read = 0;
  #change = 0;
  /** Messages up to this number are deleted for the user. */
  #deleted = 0;
  #list = make("ol", { class: "lines", "aria-label": "Messages" });
  #seenMark = make("span", { class: "seen" }, "Seen");
  #waiting = make("ol", { class: "lines waiting" });
  #older = button("Show older messages", () => this.#loadOlder(), "button small older");
  #request = make("div", { class: "request" });
  #error = errorPlace();
  #form;

  /**
   * @param {HTMLElement} place
   * @param {number} ownId
   * @param {Person} other
   * @param {() => Promise<unknown>} changed  the list of conversations is to be read again
   */
  constructor(place, ownId, other, changed) {
    this.ownId = ownId;
    this.other = other;
    this.changedList = changed;
    this.scroller = make("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": `Messages with ${other.name || other.username}` }, this.#older, this.#list, this.#waiting);
    this.outbox = new Outbox(this.#waiting, other.user_id, (message) => this.#add([message], true), place);
    this.#form = new MessageForm((content) => {
      this.outbox.send(content);
      this.#scrollToEnd();
    });
    const names = make("span", { class: "words" }, make("b", {}, make("bdi", {}, other.name || other.username), ...verifiedMark(other)), make("span", { dir: "auto" }, `@${other.username}`));
    place.replaceChildren(
      make("div", { class: "talk-head" }, make("a", { class: "round back", href: "/messages", "aria-label": "All messages" }, icon("back")),
        make("a", { class: "with", href: profilePath(other) }, avatar(other), names),
        menu("Conversation options", () => [["Delete conversation", () => this.#askToDelete()]])),
      this.scroller, this.#request, this.#error, this.#form.element);
    this.#older.hidden = true;
  }

  async load() {
    /** @type {Item[]} */
    const items = await call("showMessages", { other_user_id: this.other.user_id });
    this.#older.hidden = items.length < PAGE;
    this.#add(items.map(({ DirectMessage }) => fromAnswer(DirectMessage)), true);
    if (document.activeElement === document.body) this.#form.focus(); // the user may be at a message already
    await this.markRead();
  }

  /** After a lost connection: the messages that came meanwhile, and changes of the newest ones. */
  async catchUp() {
    this.outbox.retry();
    for (let more = true; more;) {
      /** @type {Item[]} */
      const items = await call("showMessages", { other_user_id: this.other.user_id, after: this.#last });
      this.#add(items.map(({ DirectMessage }) => fromAnswer(DirectMessage)), false);
      more = items.length === PAGE;
    }
    /** @type {Item[]} */
    const newest = await call("showMessages", { other_user_id: this.other.user_id });
    this.#add(newest.map(({ DirectMessage }) => fromAnswer(DirectMessage)), false);
    await this.markRead();
  }

  /** @param {import("./personal_socket.js").Message} message */
  receive(message) {
    if (message.sender_id !== this.other.user_id && message.receiver_id !== this.other.user_id) return;
    if (message.number < this.#first) return; // it changed, and is not loaded yet
    this.#add([fromSocket(message)], false);
    this.markRead();
  }

  /**
   * The socket may be faster than the answer to a call, which is older then.
   * @param {{ other_user_id: number, other_read_number: number, deleted_number: number, state: string, change: number }} conversation
   */
  changed({ other_user_id, other_read_number, deleted_number, state, change }) {
    if (other_user_id !== this.other.user_id || change < this.#change) return;
    this.#change = change;
    this.#seen = other_read_number;
    this.#deleted = deleted_number;
    this.#state = state;
    this.#show();
  }

  /** Tells the server that the user sees the messages. */
  async markRead() {
    const number = this.#last;
    if (!number || document.visibilityState !== "visible" || this.#read >= number) return;
    try {
      this.changed(await call("readConversation", { other_user_id: this.other.user_id, number }));
      this.#read = number;
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // read with the next message, or after the reconnect
    }
  }

  get #last() {
    return Math.max(0, ...this.#messages.keys());
  }

  get #first() {
    return Math.min(...this.#messages.keys(), Infinity);
  }

  #loadOlder() {
    return attempt(this.#older, this.#error, async () => {
      /** @type {Item[]} */
      const items = await call("showMessages", { other_user_id: this.other.user_id, before: this.#first });
      const fromEnd = this.scroller.scrollHeight - this.scroller.scrollTop;
      this.#older.hidden = items.length < PAGE;
      for (const { DirectMessage } of items) this.#messages.set(DirectMessage.number, fromAnswer(DirectMessage));
      this.#show();
      this.scroller.scrollTop = this.scroller.scrollHeight - fromEnd;
    });
  }

  /**
   * @param {DirectMessage[]} messages
   * @param {boolean} toEnd
   */
  #add(messages, toEnd) {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    const follows = toEnd || scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
    for (const message of messages) {
      const known = this.#messages.get(message.number);
      if (!known || known.change < message.change) this.#messages.set(message.number, message); // an answer may be older than the socket
      this.outbox.arrived(message.ref);
    }
    this.#show();
    if (follows) this.#scrollToEnd();
  }

  #scrollToEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    for (const picture of this.scroller.querySelectorAll("img")) {
      if (!picture.complete) picture.addEventListener("load", () => { this.scroller.scrollTop = this.scroller.scrollHeight; }, { once: true });
    }
  }

  /** The lines of messages that stay are not moved, so an open menu stays open. */
  #show() {
    const ordered = [...this.#messages.values()].filter(({ number, gone }) => number > this.#deleted && gone !== "deleted").sort((one, other) => one.number - other.number);
    const shown = new Set(ordered);
    for (const [message, line] of this.#lines) {
      if (shown.has(message)) continue;
      line.remove();
      this.#lines.delete(message);
    }
    ordered.forEach((message, index) => {
      const line = this.#lines.get(message) ?? this.#line(message);
      this.#lines.set(message, line);
      if (this.#list.children[index] !== line) this.#list.insertBefore(line, this.#list.children[index] ?? null);
    });
    const lastSeen = ordered.filter(({ number, senderId }) => senderId === this.ownId && number <= this.#seen).at(-1);
    if (lastSeen) this.#lines.get(lastSeen)?.append(this.#seenMark);
    else this.#seenMark.remove();
    this.#showRequest();
  }

  /** @param {DirectMessage} message */
  #line(message) {
    const own = message.senderId === this.ownId;
    const options = messageMenu(message, this.other, this.#error, (now) => {
      this.#add([now], false);
      const line = this.#lines.get(this.#messages.get(now.number) ?? now); // the socket may have told it before the answer
      (line?.querySelector("button") ?? this.scroller).focus({ preventScroll: true });
    });
    return make("li", { class: own ? "own" : "" }, make("span", { class: "unseen" }, own ? "You: " : `${this.other.username}: `),
      make("div", { class: "said" }, make("div", { class: "bubble" }, ...bubble(message)), options), timeOf(message.at));
  }

  #askToDelete() {
    const name = this.other.name || this.other.username;
    confirm(`Delete the conversation with ${name}?`, "The messages disappear for you, and only for you. A new message starts the conversation again.", "Delete", async () => {
      await call("deleteConversation", { other_user_id: this.other.user_id });
      location.assign("/messages");
    });
  }

  #showRequest() {
    const asked = this.#state === "request";
    this.#form.element.hidden = asked;
    if (!asked) return this.#request.replaceChildren();
    if (this.#request.hasChildNodes()) return;
    const answer = (/** @type {string} */ endpoint) => async () => {
      this.changed(await call(endpoint, { other_user_id: this.other.user_id }));
      await this.changedList();
      if (endpoint === "declineMessageRequest") location.assign("/messages");
    };
    const accept = button("Accept", () => attempt(accept, this.#error, answer("acceptMessageRequest")), "button primary");
    const decline = button("Decline", () => attempt(decline, this.#error, answer("declineMessageRequest")));
    this.#request.append(make("p", {}, `You do not follow ${this.other.name || this.other.username}. Accept to answer. They do not learn that you read this.`), make("div", { class: "row" }, accept, decline));
  }
}
