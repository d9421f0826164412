// @ts-check
/** A button that shows more buttons below it. */

import { button, icon, make } from "./dom.js";

/**
 * @param {string} label
 * @param {[text: string, onClick: () => void][]} choices
 */
export function menu(label, choices) {
  const list = make("div", { class: "choices", hidden: "" }, ...choices.map(([text, onClick]) => button(text, () => {
    show(false);
    onClick();
  }, "choice")));
  const toggle = make("button", { type: "button", class: "round", "aria-label": label, title: label, "aria-expanded": "false" }, icon("more"));
  const element = make("div", { class: "menu" }, toggle, list);
  /** @param {boolean} open */
  const show = (open) => {
    list.hidden = !open;
    toggle.setAttribute("aria-expanded", String(open));
  };
  toggle.addEventListener("click", () => show(list.hidden === true));
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || list.hidden) return;
    show(false);
    toggle.focus();
  });
  element.addEventListener("focusout", (event) => {
    if (event.relatedTarget instanceof Node && !element.contains(event.relatedTarget)) show(false);
  });
  document.addEventListener("click", (event) => {
    if (event.target instanceof Node && !element.contains(event.target)) show(false);
  });
  return element;
}
