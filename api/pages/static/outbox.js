// @ts-check
/** Messages that are being sent, in the order in which they were written. A lost connection repeats a call with the same `client_ref`, so a message is never sent twice. */

import { Refused, call, messageOf, uniqueId } from "./api.js";
import { fromAnswer } from "./direct_message.js";
import { linkButton } from "./forms.js";
import { make } from "./dom.js";

/** @typedef {{ text: string, picture: File | null }} Content */
/** @typedef {{ ref: string, content: Content, line: HTMLElement, state: HTMLElement, failed: boolean }} Waiting */

const RETRY_MS = 4_000;

export class Outbox {
  /** @type {Waiting[]} */ #waiting = [];
  #sending = false;
  #timer = 0;

  /**
   * @param {HTMLElement} list  shows the messages
   * @param {number} receiverId
   * @param {(message: import("./direct_message.js").DirectMessage) => void} sent
   * @param {HTMLElement} page  gets the event `signed-out`
   */
  constructor(list, receiverId, sent, page) {
    this.list = list;
    this.receiverId = receiverId;
    this.sent = sent;
    this.page = page;
  }

  /** @param {Content} content */
  send(content) {
    const state = make("span", { class: "state", role: "status" }, "Sending…");
    const shown = content.picture ? [make("em", {}, content.picture.name)] : [];
    const line = make("li", { class: "own" }, make("div", { class: "bubble" }, ...shown, ...(content.text ? [make("p", { dir: "auto" }, content.text)] : [])), state);
    this.list.append(line);
    this.#waiting.push({ ref: uniqueId(), content, line, state, failed: false });
    this.#work();
  }

  /** Tries again at once. */
  retry() {
    clearTimeout(this.#timer);
    this.#work();
  }

  /**
   * The message is in the conversation, perhaps told by the socket before the call was answered.
   * @param {string} ref
   */
  arrived(ref) {
    const index = this.#waiting.findIndex((waiting) => ref !== "" && waiting.ref === ref);
    if (index >= 0) this.#waiting.splice(index, 1)[0]?.line.remove();
  }

  async #work() {
    if (this.#sending) return;
    this.#sending = true;
    for (let next = this.#next(); next && (await this.#try(next));) next = this.#next();
    this.#sending = false;
  }

  #next() {
    return this.#waiting.find(({ failed }) => !failed);
  }

  /**
   * Returns whether the next one can be sent.
   * @param {Waiting} waiting
   */
  async #try(waiting) {
    try {
      const { DirectMessage } = await call("sendMessage", bodyOf(this.receiverId, waiting));
      this.sent(fromAnswer(DirectMessage));
      this.arrived(waiting.ref);
      return true;
    } catch (error) {
      if (error instanceof Refused && error.status === 401) this.page.dispatchEvent(new Event("signed-out", { bubbles: true }));
      if (error instanceof Refused && error.status === 0) {
        waiting.state.textContent = "Waiting for the connection…";
        this.#timer = setTimeout(() => this.#work(), RETRY_MS);
        return false;
      }
      waiting.failed = true;
      waiting.line.classList.add("failed");
      waiting.state.replaceChildren(messageOf(error), " ", linkButton("Try again", () => {
        waiting.failed = false;
        waiting.line.classList.remove("failed");
        waiting.state.textContent = "Sending…";
        this.#work();
      }));
      return true;
    }
  }
}

/**
 * @param {number} receiverId
 * @param {Waiting} waiting
 */
function bodyOf(receiverId, { ref, content: { text, picture } }) {
  const values = { receiver_id: receiverId, message: text, client_ref: ref };
  if (!picture) return values;
  const form = new FormData();
  for (const [name, value] of Object.entries(values)) form.set(name, String(value));
  form.set("picture", picture);
  return form;
}
