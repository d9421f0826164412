// @ts-check
/** A button that shows more buttons below it, or above it where there is no room below. */

import { button, icon, make } from "./dom.js";

/** @typedef {[text: string, onClick: (toggle: HTMLButtonElement) => void]} Choice */

/**
 * @param {string} label
 * @param {() => Choice[]} choices  asked for when the menu opens
 */
export function menu(label, choices) {
  const list = make("div", { class: "choices", hidden: "" });
  const toggle = make("button", { type: "button", class: "round", "aria-label": label, title: label, "aria-expanded": "false" }, icon("more"));
  const element = make("div", { class: "menu" }, toggle, list);
  /** @param {boolean} open */
  const show = (open) => {
    list.replaceChildren(...(open ? choices() : []).map(([text, onClick]) => button(text, () => {
      show(false);
      toggle.focus(); // so that a dialog gives the focus back to it
      onClick(toggle);
    }, "choice")));
    list.hidden = !open;
    toggle.setAttribute("aria-expanded", String(open));
    list.classList.remove("above");
    if (open) list.classList.toggle("above", list.getBoundingClientRect().bottom > bottomAround(element));
    if (open) document.addEventListener("click", closeOutside);
    else document.removeEventListener("click", closeOutside);
  };
  const closeOutside = (/** @type {Event} */ { target }) => {
    if (target instanceof Node && !element.contains(target)) show(false);
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
  return element;
}

/**
 * The lower edge of what is visible around the element.
 * @param {Element} element
 */
function bottomAround(element) {
  for (let around = element.parentElement; around; around = around.parentElement) {
    if (getComputedStyle(around).overflowY !== "visible") return Math.min(around.getBoundingClientRect().bottom, innerHeight);
  }
  return innerHeight;
}
