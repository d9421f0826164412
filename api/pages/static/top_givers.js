// @ts-check
/** The board of top givers on the watch page: of the stream, from its live socket; of all gifts to the host in a period, from the server. */

import { call, messageOf } from "./api.js";
import { avatar, coins, find, make } from "./dom.js";
import { counted } from "./format.js";
import { personOf } from "./people.js";

/** @typedef {{ user_id: number, username: string, profile_pic?: string, coins: number }} Giver */
/** @typedef {{ TopGifters: { place: number, coin: number, User: import("./people.js").User }[], Own: { place: number, coin: number } }} Answer */

const SHOWN = 5;
const AFTER_A_GIFT_MS = 5_000;
const AGAIN_MS = 60_000; // also finds the turn of the day

/** @type {Record<string, string>} */
const NONE = { stream: "No gifts in this stream yet.", day: "No gifts today yet.", week: "No gifts this week yet.", all: "No gifts yet." };

export class TopGivers {
  #stream = { coins: -1, givers: /** @type {Giver[]} */ ([]) };
  #timer = 0;
  #loadsAt = Infinity;

  /**
   * Uses the choice and the list below `root`.
   * @param {HTMLElement} root
   * @param {number} streamId
   * @param {() => number | undefined} viewerId
   */
  constructor(root, streamId, viewerId) {
    this.streamId = streamId;
    this.viewerId = viewerId;
    this.choice = find(".period", HTMLSelectElement, root);
    this.list = find(".top-gifters", HTMLElement, root);
    this.none = find(".no-gifters", HTMLElement, root);
    this.own = find(".own-place", HTMLElement, root);
    this.choice.addEventListener("change", () => this.load());
  }

  /**
   * The figures of the stream, each time that the server sends them.
   * @param {number} sum
   * @param {Giver[]} givers
   */
  follow(sum, givers) {
    const more = sum !== this.#stream.coins;
    this.#stream = { coins: sum, givers };
    if (this.choice.value === "stream") this.#show(givers);
    else if (more) this.#loadWithin(AFTER_A_GIFT_MS);
  }

  /** Shows the chosen period. */
  async load() {
    clearTimeout(this.#timer);
    this.#loadsAt = Infinity;
    const period = this.choice.value;
    if (period === "stream" && this.#stream.coins >= 0) return this.#show(this.#stream.givers);
    try {
      /** @type {Answer} */
      const { TopGifters, Own } = await call("showTopGifters", { live_streaming_id: this.streamId, period });
      if (this.choice.value === period) this.#show(TopGifters.map(({ coin, User }) => ({ ...personOf(User), coins: coin })), Own);
    } catch (error) {
      if (this.choice.value === period) this.#show([], undefined, messageOf(error));
    }
    if (this.choice.value === period && period !== "stream") this.#loadWithin(AGAIN_MS);
  }

  /** @param {number} ms */
  #loadWithin(ms) {
    const at = Date.now() + ms;
    if (at >= this.#loadsAt) return;
    clearTimeout(this.#timer);
    this.#loadsAt = at;
    this.#timer = setTimeout(() => this.load(), ms);
  }

  /**
   * @param {Giver[]} givers
   * @param {{ place: number, coin: number }} [own]
   * @param {string} [none]
   */
  #show(givers, own = { place: 0, coin: 0 }, none = NONE[this.choice.value] ?? "") {
    const shown = givers.slice(0, SHOWN);
    this.list.replaceChildren(...shown.map((giver) =>
      make("li", { class: "line" }, avatar(giver), make("span", { class: "words", dir: "auto" }, giver.username), coins(giver.coins))));
    this.none.hidden = shown.length > 0;
    if (this.none.textContent !== none) this.none.textContent = none;
    this.own.hidden = own.coin === 0 || shown.some(({ user_id }) => user_id === this.viewerId());
    this.own.textContent = own.place ? `You are number ${own.place}, with ${counted(own.coin, "coin")}.` : `You have given ${counted(own.coin, "coin")}.`;
  }
}
