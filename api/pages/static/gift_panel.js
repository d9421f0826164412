// @ts-check
/** The gift panel: catalogue, wallet and sending. Quick taps on one gift are sent as one gift with a count. */

import { buyInSandbox, messageOf, showGifts, showShop, uniqueId } from "./api.js";
import { coinsOf, goToCheckout, takePaidCheckout } from "./checkout.js";
import { button, coins, find, make, localUrl, replaceContent, whileDisabled } from "./dom.js";
import { money, times } from "./format.js";

/** @typedef {import("./api.js").Gift} Gift */
/** @typedef {import("./account.js").Account} Account */
/** @typedef {{ gift: Gift, count: number, timer: number }} Taps */

const TAPS_MS = 700;
const MOST_AT_ONCE = 99;
const NOTICE_MS = 4_000;

export class GiftPanel {
  /** @type {Gift[]} */ #gifts = [];
  /** @type {Taps | null} */ #taps = null;
  /** @type {Promise<void>} */ #sent = Promise.resolve();
  #spending = 0;
  /** Coins that are paid for and not there yet, as a sentence. */
  #coming = "";
  #noticeTimer = 0;

  /**
   * @param {HTMLElement} root
   * @param {Account} account
   * @param {number} hostId
   * @param {(frame: { type: string, id: string, gift_id: number, count: number }) => Promise<void>} send
   */
  constructor(root, account, hostId, send) {
    this.root = root;
    this.account = account;
    this.hostId = hostId;
    this.send = send;
    this.grid = find(".gift-grid", HTMLElement, root);
    this.wallet = find(".wallet", HTMLElement, root);
    this.notice = find(".notice", HTMLElement, root);
    this.shop = find(".shop", HTMLElement, root);
    this.open = true;
    account.onChange(() => this.show());
  }

  async load() {
    try {
      this.#gifts = await showGifts();
    } catch (error) {
      this.#notify(messageOf(error));
    }
    this.show();
  }

  /**
   * After the buyer has paid on Stripe's page and is back: wait for the coins. Returns whether this is so.
   * @returns {boolean}
   */
  comeBack() {
    const checkout = takePaidCheckout();
    if (checkout) this.#waitForCoins(checkout);
    return checkout !== "";
  }

  /** @param {string} checkout */
  async #waitForCoins(checkout) {
    /** @param {string} text */
    const tell = (text) => {
      this.#coming = text;
      this.#showWallet();
    };
    const bought = await coinsOf(checkout, tell);
    if (!bought) return;
    await this.account.refresh();
    tell("");
    this.#notify(bought);
  }

  /** The stream has ended: disable gifts. */
  end() {
    this.open = false;
    this.show();
  }

  /** Coins in the wallet minus those of gifts that are being sent. */
  get #left() {
    return (this.account.user?.wallet ?? 0) - this.#spending;
  }

  show() {
    const { user } = this.account;
    const own = user?.user_id === this.hostId;
    this.grid.replaceChildren(...this.#gifts.map((gift) => this.#giftButton(gift, !own)));
    this.grid.hidden = !this.open;
    this.#showWallet();
  }

  #showWallet() {
    const { user, session } = this.account;
    if (!this.open) return replaceContent(this.wallet, make("p", { class: "hint" }, "The stream has ended. You can no longer send gifts."));
    if (!user) {
      return replaceContent(this.wallet, make("p", { class: "hint" }, "Sign in to send gifts."));
    }
    if (user.user_id === this.hostId) return replaceContent(this.wallet, make("p", { class: "hint" }, "This is your own stream. Your viewers send gifts here."));
    replaceContent(this.wallet, make("span", { class: "label" }, "You have"), coins(this.#left),
      ...(session.shop ? [button("Get coins", () => this.#openShop(), "button quiet small")] : [make("span", { class: "hint" }, "You can buy coins in the app.")]),
      ...(this.#coming ? [make("p", { class: "hint coming", role: "status" }, this.#coming)] : []));
  }

  /**
   * @param {Gift} gift
   * @param {boolean} enabled
   */
  #giftButton(gift, enabled) {
    const element = button("", () => this.#tap(gift, element), "gift");
    element.append(make("img", { src: localUrl(gift.image), alt: "", width: "48", height: "48", loading: "lazy" }),
      make("span", { class: "title" }, gift.title), coins(gift.coin));
    element.dataset.gift = String(gift.id);
    if (!enabled) element.setAttribute("disabled", "");
    return element;
  }

  /**
   * @param {Gift} gift
   * @param {HTMLElement} element
   */
  #tap(gift, element) {
    if (!this.account.user) {
      return this.account.askToSignIn(() =>
        /** @type {HTMLElement | null} */ (this.grid.querySelector(`[data-gift="${gift.id}"]:enabled`)) ?? this.root);
    }
    if (this.#left < gift.coin) return this.#refuse();
    if (this.#taps?.gift !== gift || this.#taps.count >= MOST_AT_ONCE) {
      this.#flush();
      this.#taps = { gift, count: 0, timer: 0 };
    }
    const taps = /** @type {Taps} */ (this.#taps);
    taps.count += 1;
    this.#spending += gift.coin;
    element.dataset.count = `×${taps.count}`;
    element.classList.add("tapped");
    clearTimeout(taps.timer);
    taps.timer = setTimeout(() => this.#flush(), TAPS_MS);
    this.#showWallet();
  }

  /** Waits for gifts that are being sent, so that their messages do not replace this one. */
  async #refuse() {
    this.#flush();
    await this.#sent;
    this.#notify("You do not have enough coins for this gift.");
    if (this.account.session.shop && this.shop.hidden) await this.#openShop();
  }

  #flush() {
    const taps = this.#taps;
    this.#taps = null;
    if (!taps) return;
    clearTimeout(taps.timer);
    this.#sent = this.#send(taps);
  }

  /** @param {Taps} taps */
  async #send({ gift, count }) {
    for (const element of this.grid.querySelectorAll(".tapped")) element.classList.remove("tapped");
    try {
      await this.send({ type: "gift", id: uniqueId(), gift_id: gift.id, count });
      this.#notify(`You sent ${times(count, gift.title)}.`);
      this.account.setWallet((this.account.user?.wallet ?? 0) - gift.coin * count);
    } catch (error) {
      this.#notify(messageOf(error));
      this.account.refresh().then(() => this.#showWallet());
    }
    this.#spending -= gift.coin * count;
    this.#showWallet();
  }

  async #openShop() {
    if (!this.shop.hidden) return this.#closeShop();
    this.shop.hidden = false;
    try {
      const { store, packages } = await showShop();
      const how = store === "sandbox" ? "Test store (development mode): you are not charged." : "You pay on a page of Stripe, and come back here.";
      this.shop.replaceChildren(make("p", { class: "hint" }, how),
        ...packages.map((pack) => {
          const element = button("", () => whileDisabled(element, () => this.#buy(pack, store)), "package");
          element.append(coins(pack.coins), make("span", { class: "hint" }, money(pack.price, pack.currency)));
          return element;
        }));
    } catch (error) {
      this.#notify(messageOf(error));
    }
  }

  #closeShop() {
    this.shop.hidden = true;
    this.shop.replaceChildren();
    this.wallet.querySelector("button")?.focus();
  }

  /**
   * @param {import("./api.js").CoinPackage} pack
   * @param {import("./api.js").Shop["store"]} store
   */
  async #buy(pack, store) {
    try {
      if (store === "stripe") return await goToCheckout(pack);
      this.account.setWallet(await buyInSandbox(pack));
      this.#notify(`${pack.coins.toLocaleString("en")} coins added.`);
      this.#closeShop();
    } catch (error) {
      this.#notify(messageOf(error));
    }
    this.#showWallet();
  }

  /** @param {string} text */
  #notify(text) {
    clearTimeout(this.#noticeTimer);
    this.notice.textContent = text;
    this.#noticeTimer = setTimeout(() => (this.notice.textContent = ""), NOTICE_MS);
  }
}
