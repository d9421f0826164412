// @ts-check
/** A button with two states and a count, such as a like. It shows at once what the user wants, and sends the wanted state until the server has it. */

import { icon, make } from "./dom.js";
import { compact } from "./format.js";

export class Reaction {
  #sends = false;
  /** The state that the server has. */ #known;
  /** @type {(wanted: boolean) => Promise<number>} */ #send;
  #count = make("span", { class: "count" });

  /**
   * @param {string} name
   * @param {string} symbol
   * @param {boolean} on
   * @param {number} count
   * @param {(wanted: boolean) => Promise<number>} send  resolves to the count
   */
  constructor(name, symbol, on, count, send) {
    this.on = this.#known = on;
    this.count = count;
    this.#send = send;
    this.element = make("button", { type: "button", class: "reaction", title: name }, icon(symbol), make("span", { class: "unseen" }, `${name} `), this.#count);
    this.#show();
  }

  /** Resolves when the server has what the user wants. Throws Refused; the button then shows what the server has. */
  async toggle() {
    this.on = !this.on;
    this.count += this.on ? 1 : -1;
    this.#show();
    if (this.#sends) return;
    this.#sends = true;
    try {
      while (this.on !== this.#known) {
        const wanted = this.on;
        const count = await this.#send(wanted);
        this.#known = wanted;
        if (this.on === wanted) this.count = count;
      }
    } catch (error) {
      if (this.on !== this.#known) this.count += this.#known ? 1 : -1;
      this.on = this.#known;
      throw error;
    } finally {
      this.#sends = false;
      this.#show();
    }
  }

  #show() {
    this.element.setAttribute("aria-pressed", String(this.on));
    this.#count.textContent = this.count > 0 ? compact(this.count) : "";
  }
}
