// @ts-check
/** A row of the account page: what is set, and a button that opens the form to change it. */

import { button, make } from "./dom.js";

/**
 * @param {HTMLElement} place
 * @param {{ label: string, value: Node | string, open: string, content: (close: () => void) => HTMLElement }} row  `open`: the button's label
 */
export function showUnfolding(place, { label, value, open, content }) {
  const shown = make("div", { class: "unfolded" });
  shown.hidden = true;
  const close = () => unfold(false);
  const opener = button(open, () => unfold(shown.hidden === true), "button small");
  opener.setAttribute("aria-label", `${open} ${label.toLowerCase()}`);
  opener.setAttribute("aria-expanded", "false");

  /** @param {boolean} opens */
  function unfold(opens) {
    shown.replaceChildren(...(opens ? [content(close)] : []));
    shown.hidden = !opens;
    opener.setAttribute("aria-expanded", String(opens));
    if (opens) shown.querySelector("input")?.focus();
    else opener.focus();
  }

  place.replaceChildren(make("div", { class: "setting" }, make("div", { class: "words" }, make("b", {}, label), make("span", { dir: "auto" }, value)), opener), shown);
}
