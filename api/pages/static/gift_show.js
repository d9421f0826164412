// @ts-check
/** Shows received gifts: a banner for each, large ones over the whole stage, and announcements for screen readers. */

import { avatar, icon, make, localUrl } from "./dom.js";
import { times } from "./format.js";

/** @typedef {import("./live_socket.js").GiftData} GiftData */

const LANES = 3;
const LONGEST_QUEUE = 40;
const LARGE_GIFT_COINS = 499;
const LARGE_GIFTS_QUEUED = 4;
const ANNOUNCE_EVERY_MS = 2_500;
const FADE_OUT_MS = 350;

/** @param {number} coins */
const shownMs = (coins) => Math.min(6_000, 2_600 + Math.sqrt(coins) * 60);

/** @typedef {{ gift: GiftData, item: HTMLElement, counter: HTMLElement, count: number, timer: number }} Banner */

export class GiftShow {
  /** @type {Map<string, Banner>} */ #banners = new Map();
  /** @type {GiftData[]} */ #queue = [];
  /** @type {GiftData[]} */ #large = [];
  #largeIsShown = false;
  /** @type {Map<string, { gift: GiftData, count: number }>} */ #unannounced = new Map();
  #announceTimer = 0;

  /**
   * @param {HTMLElement} lanes
   * @param {HTMLElement} spotlight
   * @param {HTMLElement} announcer  a live region
   */
  constructor(lanes, spotlight, announcer) {
    this.lanes = lanes;
    this.spotlight = spotlight;
    this.announcer = announcer;
  }

  /** @param {GiftData} gift */
  add(gift) {
    this.#announce(gift);
    const shown = this.#banners.get(gift.combo.id);
    if (shown) this.#addToBanner(shown, gift);
    else this.#enqueue(gift);
    if (gift.coins >= LARGE_GIFT_COINS) this.#addLarge(gift);
  }

  /** @param {GiftData} gift */
  #enqueue(gift) {
    const same = this.#queue.find((waiting) => waiting.combo.id === gift.combo.id);
    if (same) {
      same.count += gift.count;
      same.coins += gift.coins;
    } else {
      this.#queue.push(structuredClone(gift));
    }
    if (this.#queue.length > LONGEST_QUEUE) {
      const least = this.#queue.reduce((a, b) => (b.coins < a.coins ? b : a));
      this.#queue.splice(this.#queue.indexOf(least), 1);
    }
    this.#fill();
  }

  #fill() {
    while (this.#banners.size < LANES && this.#queue.length) {
      const gift = /** @type {GiftData} */ (this.#queue.shift());
      const count = Math.max(gift.count, gift.combo.count);
      const counter = make("span", { class: "times" }, `×${count}`);
      const item = make("li", { class: "banner" }, avatar(gift.sender),
        make("span", { class: "words" }, make("b", { dir: "auto" }, gift.sender.username), make("span", {}, `sent ${gift.title}`)),
        make("img", { src: localUrl(gift.icon), alt: "", width: "44", height: "44" }), counter);
      /** @type {Banner} */
      const banner = { gift, item, counter, count, timer: 0 };
      this.#banners.set(gift.combo.id, banner);
      this.lanes.append(item);
      this.#restartTimer(banner);
    }
  }

  /**
   * @param {Banner} banner
   * @param {GiftData} gift
   */
  #addToBanner(banner, gift) {
    banner.count = gift.combo.count === 1 ? gift.count : Math.max(banner.count + gift.count, gift.combo.count);
    banner.counter.textContent = `×${banner.count}`;
    banner.counter.classList.remove("pulse");
    void banner.counter.offsetWidth; // reading it restarts the animation
    banner.counter.classList.add("pulse");
    this.#restartTimer(banner);
  }

  /** @param {Banner} banner */
  #restartTimer(banner) {
    clearTimeout(banner.timer);
    banner.timer = setTimeout(() => {
      banner.item.classList.add("leaving");
      this.#banners.delete(banner.gift.combo.id);
      setTimeout(() => banner.item.remove(), FADE_OUT_MS);
      this.#fill();
    }, shownMs(banner.gift.coins));
  }

  /** @param {GiftData} gift */
  #addLarge(gift) {
    this.#large.push(gift);
    this.#large.sort((a, b) => b.coins - a.coins).splice(LARGE_GIFTS_QUEUED);
    if (!this.#largeIsShown) this.#nextLarge();
  }

  #nextLarge() {
    const gift = this.#large.shift();
    this.#largeIsShown = gift !== undefined;
    if (!gift) return this.spotlight.replaceChildren();
    const words = make("p", {}, make("b", { dir: "auto" }, gift.sender.username), ` sent ${times(gift.count, gift.title)}`);
    this.spotlight.replaceChildren(make("div", { class: "great" }, make("span", { class: "rays" }),
      make("img", { src: localUrl(gift.icon), alt: "" }), words));
    setTimeout(() => this.#nextLarge(), 4_200);
  }

  /** @param {GiftData} gift */
  #announce(gift) {
    const said = this.#unannounced.get(gift.combo.id);
    if (said) said.count += gift.count;
    else this.#unannounced.set(gift.combo.id, { gift, count: gift.count });
    this.#announceTimer ||= setTimeout(() => {
      this.#announceTimer = 0;
      const sentences = [...this.#unannounced.values()].slice(-5).map(({ gift, count }) => `${gift.sender.username} sent ${count} ${gift.title}.`);
      this.#unannounced.clear();
      this.announcer.textContent = sentences.join(" ");
    }, ANNOUNCE_EVERY_MS);
  }
}

/**
 * A gift as a line of the feed.
 * @param {GiftData} gift
 */
export function giftLine(gift) {
  const coins = make("span", { class: "coins" }, icon("coin"), String(gift.coins.toLocaleString("en")));
  return make("li", { class: "line" }, avatar(gift.sender),
    make("span", { class: "words" }, make("b", { dir: "auto" }, gift.sender.username), ` sent ${times(gift.count, gift.title)}`),
    make("img", { src: localUrl(gift.icon), alt: "", width: "28", height: "28" }), coins);
}
