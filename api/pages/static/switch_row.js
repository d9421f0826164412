// @ts-check
/** Rows of settings that are saved at once: a switch, or a choice. */

import { icon, make } from "./dom.js";
import { attempt, errorPlace } from "./forms.js";

let rows = 0;

/**
 * A setting that is on or off.
 * @param {string} label
 * @param {string} hint
 * @param {boolean} on
 * @param {(on: boolean) => Promise<unknown>} save
 */
export function switchRow(label, hint, on, save) {
  const input = make("button", { type: "button", class: "switch", role: "switch" });
  const show = (/** @type {boolean} */ shown) => input.setAttribute("aria-checked", String(shown));
  show(on);
  const { element, saving } = row(label, hint, input);
  input.addEventListener("click", () => {
    const wanted = input.getAttribute("aria-checked") !== "true";
    show(wanted);
    saving(() => save(wanted), () => show(!wanted));
  });
  return element;
}

/**
 * A setting with a few values.
 * @param {string} label
 * @param {string} hint
 * @param {Record<string, string>} options  by their values
 * @param {string} value
 * @param {(value: string) => Promise<unknown>} save
 */
export function choiceRow(label, hint, options, value, save) {
  const input = make("select", {}, ...Object.entries(options).map(([name, text]) => make("option", { value: name }, text)));
  input.value = value;
  let before = value;
  const { element, saving } = row(label, hint, input);
  input.addEventListener("change", () => {
    const { value: wanted } = input;
    saving(() => save(wanted).then(() => { before = wanted; }), () => { input.value = before; });
  });
  return element;
}

/**
 * @param {string} label
 * @param {string} hint
 * @param {HTMLButtonElement | HTMLSelectElement} input
 */
function row(label, hint, input) {
  const id = `setting-${++rows}`;
  const error = errorPlace();
  const saved = make("span", { class: "saved", role: "status" });
  input.id = id;
  input.setAttribute("aria-labelledby", `${id}-label`);
  if (hint) input.setAttribute("aria-describedby", `${id}-hint`);
  const words = make("label", { class: "words", for: id }, make("b", { id: `${id}-label` }, label), ...(hint ? [make("span", { id: `${id}-hint` }, hint)] : []));
  const element = make("div", {}, make("div", { class: "setting" }, words, saved, input), error);
  /**
   * @param {() => Promise<unknown>} save
   * @param {() => void} undo  shows the value as it was, because the server refused
   */
  const saving = (save, undo) => {
    saved.replaceChildren();
    attempt(input, error, async () => {
      try {
        await save();
      } catch (refused) {
        undo();
        throw refused;
      }
      saved.replaceChildren(icon("check"), make("span", { class: "unseen" }, `${label}: saved`));
    });
  };
  return { element, saving };
}
