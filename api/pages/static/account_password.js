// @ts-check
/** The account's password: a change with the old one, or a first one with a code to a confirmed address. */

import { call, sendResetCode, signIn } from "./api.js";
import { codeForm, newPasswordField } from "./code_form.js";
import { make } from "./dom.js";
import { field, form, linkButton } from "./forms.js";
import { showUnfolding } from "./unfolding.js";

/** @typedef {import("./account_page.js").Loaded} Loaded */

/**
 * @param {HTMLElement} place
 * @param {Loaded} all
 */
export function showPassword(place, all) {
  const { has_password } = all.current;
  showUnfolding(place, {
    label: "Password",
    value: has_password ? "Set" : "None yet",
    open: has_password ? "Change" : "Set",
    content: (close) => (has_password ? changeForm(place, all, close) : setForm(place, all, close)),
  });
}

/**
 * @param {HTMLElement} place
 * @param {Loaded} all
 * @param {() => void} close
 */
function changeForm(place, all, close) {
  const old = field("Present password", { name: "old", type: "password", autocomplete: "current-password", required: "" });
  const chosen = newPasswordField();
  const forgotten = addressesOf(all).length ? [linkButton("Forgot it?", () => changing.replaceWith(setForm(place, all, close)))] : [];
  const changing = form([make("p", { class: "hint" }, "Your other devices are signed out."), old.element, chosen.element], "Save", async () => {
    await call("changePassword", { old_password: old.input.value, new_password: chosen.input.value });
    await all.changed(place);
  }, [...forgotten, linkButton("Cancel", close)]);
  return changing;
}

/**
 * @param {HTMLElement} place
 * @param {Loaded} all
 * @param {() => void} close
 */
function setForm(place, all, close) {
  const [address] = addressesOf(all);
  if (!address) return make("p", { class: "hint" }, "Add an email address or a phone number first. A code is sent to it.");
  return codeForm({
    channels: all.account.session.channels.filter((channel) => all.own[channel]),
    address,
    sandbox: all.account.session.sandbox,
    text: "A code is sent to your address. Your other devices are signed out.",
    send: async (to) => {
      await sendResetCode(to);
      return "A code is on its way to your address.";
    },
    submit: "Save",
    more: () => [newPasswordField().element],
    finish: async (to, code, values) => {
      await signIn({ reset_of: to, code, password: String(values.get("password")) });
      await all.changed(place);
    },
    beside: [linkButton("Cancel", close)],
  });
}

/**
 * The account's addresses that this server can send to.
 * @param {Loaded} all
 */
const addressesOf = ({ account, own }) => account.session.channels.map((channel) => own[channel]).filter(Boolean);
