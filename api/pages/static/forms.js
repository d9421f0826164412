// @ts-check
/** Forms: labelled inputs, and work that disables its button and shows its error. */

import { Refused, messageOf } from "./api.js";
import { button, make, whileDisabled } from "./dom.js";

/** Several forms can be on a page at once, so the ids of their inputs are numbered. */
let inputs = 0;

/**
 * A labelled input. The attributes are those of the element, without its id.
 * @template {"input" | "textarea"} [Tag="input"]
 * @param {string} label
 * @param {Record<string, string>} attributes
 * @param {{ hint?: string, tag?: Tag }} [options]
 */
export function field(label, attributes, { hint = "", tag } = {}) {
  const id = `input-${++inputs}`;
  const input = make(/** @type {Tag} */ (tag ?? "input"), { id, ...(hint && { "aria-describedby": `${id}-hint` }), ...attributes });
  const element = make("div", { class: "field" }, make("label", { for: id }, label), input);
  if (hint) element.append(make("p", { class: "hint", id: `${id}-hint` }, hint));
  return { element, input };
}

/** The place for the error of a form or a button. */
export const errorPlace = () => make("p", { class: "error", role: "alert" });

/**
 * Runs the work while the button or choice is disabled, and shows its error. If the session has ended, sends the event `signed-out`.
 * @param {HTMLButtonElement | HTMLSelectElement} pressed
 * @param {HTMLElement} error
 * @param {() => Promise<unknown>} work
 */
export function attempt(pressed, error, work) {
  error.textContent = "";
  return whileDisabled(pressed, async () => {
    try {
      await work();
    } catch (refused) {
      error.textContent = messageOf(refused);
      if (refused instanceof Refused && refused.status === 401) error.dispatchEvent(new Event("signed-out", { bubbles: true }));
    }
  });
}

/**
 * A form that does not leave the page.
 * @param {(Node | string)[]} parts  above the button
 * @param {string} submit
 * @param {() => Promise<unknown>} work
 * @param {(Node | string)[]} [beside]  of the button
 */
export function form(parts, submit, work, beside = []) {
  const error = errorPlace();
  const send = make("button", { class: "button primary" }, submit);
  const element = make("form", { class: "form" }, ...parts, error, make("div", { class: "row" }, send, ...beside));
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(send, error, work);
  });
  return element;
}

/**
 * A button that looks like a link.
 * @param {string} label
 * @param {() => void} onClick
 */
export const linkButton = (label, onClick) => button(label, onClick, "link");
