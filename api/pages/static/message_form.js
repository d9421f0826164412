// @ts-check
/** The form in which a message is written: a text, or a picture with words. */

import { button, icon, make } from "./dom.js";

const TYPES = "image/jpeg,image/png,image/webp,image/gif,image/heic,image/heif,.heic,.heif";
const LONGEST = 1000;

export class MessageForm {
  /** @type {File | null} */ #picture = null;
  #text = make("textarea", { rows: "1", maxlength: String(LONGEST), placeholder: "Message", "aria-label": "Message", dir: "auto", autocomplete: "off" });
  #file = make("input", { type: "file", accept: TYPES, class: "unseen", tabindex: "-1", "aria-label": "Picture file" });
  #chosen = make("p", { class: "chosen", hidden: "" });

  /** @param {(content: { text: string, picture: File | null }) => void} send */
  constructor(send) {
    const choose = make("button", { type: "button", class: "round", "aria-label": "Add a picture", title: "Add a picture" }, icon("picture"));
    const submit = make("button", { class: "round accent", "aria-label": "Send", title: "Send" }, icon("send"));
    this.element = make("form", { class: "write" }, this.#chosen, choose, this.#file, this.#text, submit);
    choose.addEventListener("click", () => this.#file.click());
    this.#file.addEventListener("change", () => this.#choose(this.#file.files?.[0] ?? null));
    this.#text.addEventListener("input", () => this.#fit());
    this.#text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.element.requestSubmit();
    });
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = this.#text.value.trim();
      if (!text && !this.#picture) return;
      send({ text, picture: this.#picture });
      this.#text.value = "";
      this.#choose(null);
      this.#fit();
      this.focus();
    });
  }

  focus() {
    if (matchMedia("(hover: hover)").matches) this.#text.focus({ preventScroll: true }); // else the keyboard would cover the messages
  }

  /** @param {File | null} file */
  #choose(file) {
    this.#picture = file;
    if (!file) this.#file.value = "";
    const remove = button("Remove", () => {
      this.#choose(null);
      this.#text.focus();
    }, "link");
    this.#chosen.hidden = !file;
    this.#chosen.replaceChildren(icon("picture"), make("span", { dir: "auto" }, file?.name ?? ""), remove);
  }

  /** As high as its text, up to the style's limit. */
  #fit() {
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight + 2}px`;
  }
}
