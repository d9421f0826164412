// @ts-check
/** The signed-in user of the page, in its header, and the dialog to sign in. */

import { showSession, signOut } from "./api.js";
import { avatar, button, find, make, replaceContent } from "./dom.js";
import { PersonalSocket } from "./personal_socket.js";
import { signInForm } from "./sign_in_form.js";
import { unreadLinks } from "./unread_links.js";

/** @typedef {import("./api.js").Session} Session */
/** @typedef {import("./api.js").Me} Me */

const RETRY_MS = 4_000;

export class Account {
  /** @type {Session} */ session = { user: null, ways: [], channels: [], providers: [], sandbox: false, shop: "", came_back: false };
  /** @type {Set<(user: Me | null) => void>} */ #listeners = new Set();
  /** @type {((reached: boolean) => void)[]} */ #reachListeners = [];
  #known = false;
  #timer = 0;
  /** Awaited before signing out; false keeps the user signed in. */
  confirmSignOut = async () => true;
  personal = new PersonalSocket();
  #unread = unreadLinks(this.personal);

  /** Uses the account area and the sign-in dialog of `frame.html`. */
  constructor() {
    this.place = document.querySelector("#account");
    this.dialog = find("#sign-in", HTMLDialogElement);
    find(".close", HTMLButtonElement, this.dialog).addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
  }

  get user() {
    return this.session.user;
  }

  /**
   * Calls the listener at once if the user is known, and at every sign-in and sign-out. Returns what ends that.
   * @param {(user: Me | null) => void} listener
   * @returns {() => void}
   */
  onChange(listener) {
    this.#listeners.add(listener);
    if (this.#known) listener(this.user);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Calls the listener after every request for the session, with whether the server answered.
   * @param {(reached: boolean) => void} listener
   */
  onReach(listener) {
    this.#reachListeners.push(listener);
  }

  /** Reads the session from the server; retries until it answers. */
  async refresh() {
    clearTimeout(this.#timer);
    try {
      const session = await showSession();
      for (const listener of this.#reachListeners) listener(true);
      this.#setSession(session);
    } catch {
      if (!this.#known) this.place?.replaceChildren(make("span", { class: "hint" }, "No connection"));
      for (const listener of this.#reachListeners) listener(false);
      this.#timer = setTimeout(() => this.refresh(), RETRY_MS);
    }
  }

  /** @param {number} coins */
  setWallet(coins) {
    if (this.session.user) this.session.user.wallet = coins;
  }

  /**
   * Opens the sign-in dialog.
   * @param {() => HTMLElement | null | undefined} [next]  gets the focus after sign-in: the element that had it may be gone
   */
  askToSignIn(next = () => this.place?.querySelector("button")) {
    find(".ways", HTMLElement, this.dialog).replaceChildren(...this.forms(() => {
      this.dialog.close();
      next()?.focus();
    }));
    this.dialog.showModal();
    find("a, input", HTMLElement, this.dialog).focus();
  }

  /**
   * @param {() => void} onDone
   */
  forms(onDone) {
    return [signInForm(this.session, (session) => {
      this.#setSession(session);
      if (session.came_back) location.assign("/account?back");
      else onDone();
    })];
  }

  async signOut() {
    if (!(await this.confirmSignOut())) return;
    try {
      this.#setSession(await signOut());
    } catch {
      await this.refresh();
    }
  }

  /** @param {Session} session */
  #setSession(session) {
    const changed = !this.#known || session.user?.user_id !== this.session.user?.user_id;
    this.#known = true;
    this.session = session;
    this.#show();
    if (!changed) return;
    if (session.user) this.personal.open();
    else this.personal.close();
    for (const listener of this.#listeners) listener(this.user);
  }

  #show() {
    const { user } = this;
    if (!this.place) return;
    replaceContent(this.place, ...(user
      ? [...this.#unread, ownAccount(user), button("Sign out", () => this.signOut(), "button quiet")]
      : [button("Sign in", () => this.askToSignIn(), "button quiet")]));
  }
}

/**
 * A link to the user's account page.
 * @param {Me} user
 */
const ownAccount = (user) => make("a", { class: "me", href: "/account" },
  make("span", { class: "unseen" }, "Your account "), avatar(user), make("span", { class: "name", dir: "auto" }, user.username));
