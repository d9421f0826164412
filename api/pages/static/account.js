// @ts-check
/** The signed-in user of the page, and the sign-in form, with one row for each sign-in method that the server offers. */

import { messageOf, showSession, signIn, signOut } from "./api.js";
import { avatar, button, find, make, replaceContent } from "./dom.js";

/** @typedef {import("./api.js").Session} Session */
/** @typedef {import("./api.js").Me} Me */

const RETRY_MS = 4_000;

export class Account {
  /** @type {Session} */ session = { user: null, ways: [], providers: [], sandbox: false };
  /** @type {((user: Me | null) => void)[]} */ #listeners = [];
  /** @type {((reached: boolean) => void)[]} */ #reachListeners = [];
  #known = false;
  #timer = 0;
  /** Awaited before signing out; false keeps the user signed in. */
  confirmSignOut = async () => true;

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
   * Calls the listener at once if the user is known, and at every sign-in and sign-out.
   * @param {(user: Me | null) => void} listener
   */
  onChange(listener) {
    this.#listeners.push(listener);
    if (this.#known) listener(this.user);
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
   * A link for each provider, and a form for each other sign-in method; all but the first are folded away.
   * @param {() => void} onDone
   */
  forms(onDone) {
    const all = [...this.#providers(), ...this.#forms(onDone)];
    const first = Math.max(1, this.session.providers.length);
    const others = all.splice(first);
    return others.length ? [...all, make("details", { class: "others" }, make("summary", {}, "Another way"), ...others)] : all;
  }

  /** The provider's page returns to the page that is open now. */
  #providers() {
    const next = new URLSearchParams({ next: location.pathname + location.search });
    return this.session.providers.map(({ name, title, url }) =>
      make("a", { class: `button provider ${name}`, href: `${url}?${next}` }, `Continue with ${title}`));
  }

  /** @param {() => void} onDone */
  #forms(onDone) {
    return this.session.ways.map((way) => {
      const name = `way-${way.field}`;
      const input = make("input", { id: name, name: way.field, type: way.secret ? "password" : "text", required: "", maxlength: "2000",
        autocomplete: way.secret ? "off" : "username", autocapitalize: "none", spellcheck: "false", "aria-describedby": `${name}-hint` });
      const error = make("p", { class: "error", role: "alert" });
      const form = make("form", { class: "way" }, make("label", { for: name }, way.label),
        make("div", { class: "row" }, input, make("button", { class: "button primary" }, "Sign in")),
        make("p", { class: "hint", id: `${name}-hint` }, way.hint), error);
      form.addEventListener("submit", async (event) => {
        event.preventDefault();
        error.textContent = "";
        try {
          this.#setSession(await signIn(way.field, input.value));
          onDone();
        } catch (refused) {
          error.textContent = messageOf(refused);
        }
      });
      return form;
    });
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
    if (changed) for (const listener of this.#listeners) listener(this.user);
  }

  #show() {
    const { user } = this;
    if (!this.place) return;
    replaceContent(this.place, ...(user
      ? [avatar(user), make("span", { class: "name", dir: "auto" }, user.username), button("Sign out", () => this.signOut(), "button quiet")]
      : [button("Sign in", () => this.askToSignIn(), "button quiet")]));
  }
}
