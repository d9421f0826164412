// @ts-check
/** A dialog that asks before something that is hard to undo. */

import { button, make } from "./dom.js";
import { attempt, errorPlace } from "./forms.js";

let dialogs = 0;

/**
 * Does the work when the user agrees; a failure is shown in the dialog.
 * @param {string} title
 * @param {string} text
 * @param {string} yes
 * @param {() => Promise<unknown>} work
 */
export function confirm(title, text, yes, work) {
  const id = `confirm-${++dialogs}`;
  const error = errorPlace();
  const agree = button(yes, () => attempt(agree, error, async () => {
    await work();
    dialog.close();
  }), "button danger");
  const back = button("Go back", () => dialog.close());
  back.autofocus = true;
  const dialog = make("dialog", { class: "dialog confirm", "aria-labelledby": id }, make("h2", { id, dir: "auto" }, title), make("p", {}, text), error,
    make("div", { class: "row" }, back, agree));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  (document.querySelector("#main") ?? document.body).append(dialog);
  dialog.showModal();
}
