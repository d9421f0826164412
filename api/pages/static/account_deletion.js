// @ts-check
/** The deletion of the account, after a dialog that says what is lost. */

import { call } from "./api.js";
import { button, find, make } from "./dom.js";
import { counted } from "./format.js";
import { attempt } from "./forms.js";

/**
 * @param {HTMLElement} place
 * @param {HTMLDialogElement} dialog
 * @param {import("./account_page.js").Loaded} all
 * @param {(sentence: string) => Promise<void>} onDeleted
 */
export function showDeletion(place, dialog, { account, current }, onDeleted) {
  const days = counted(current.deletion_days, "day");
  const yes = find(".yes", HTMLButtonElement, dialog);
  const error = find(".error", HTMLElement, dialog);
  const open = button("Delete…", () => {
    const wallet = account.user?.wallet ?? 0;
    find(".losses", HTMLElement, dialog).replaceChildren(...[
      "Nobody sees you and your videos any more. A running stream ends, and every device is signed out.",
      ...(wallet ? [`You lose ${counted(wallet, "coin")}.`] : []),
      `After ${days} your profile, pictures and addresses are removed for good. Records of payments and gifts stay without your name.`,
      `Until then, signing in brings everything back.`,
    ].map((line) => make("li", {}, line)));
    error.textContent = "";
    dialog.showModal();
  }, "button small danger");
  open.setAttribute("aria-label", "Delete your account");
  find(".no", HTMLButtonElement, dialog).onclick = () => dialog.close();
  // An account with coins is deleted by the second call: the first one is refused with what is lost.
  yes.onclick = () => attempt(yes, error, async () => {
    const sentence = await call("deleteUserAccount");
    dialog.close();
    await onDeleted(sentence);
  });
  place.replaceChildren(make("div", { class: "setting" }, make("div", { class: "words" }, make("b", {}, "Delete account"),
    make("span", {}, `You have ${days} to come back.`)), open));
}
