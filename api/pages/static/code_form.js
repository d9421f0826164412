// @ts-check
/** A form in two steps: an address, and the code that is sent to it. */

import { make, find } from "./dom.js";
import { attempt, errorPlace, field, form, linkButton } from "./forms.js";

/** @typedef {import("./api.js").Channel} Channel */

/** @type {Record<Channel, { label: string, attributes: Record<string, string>, hint?: string }>} */
const ADDRESSES = {
  email: { label: "Email", attributes: { type: "email", autocomplete: "email" } },
  phone: { label: "Phone number", attributes: { type: "tel", autocomplete: "tel" }, hint: "With the country code, such as +49 151 23456789." },
};

/**
 * @param {readonly Channel[]} channels
 * @param {string} value
 */
function addressField(channels, value) {
  const [only] = channels;
  const { label, attributes, hint } = channels.length === 1 && only ? ADDRESSES[only] : {
    label: "Email or phone number", attributes: { autocomplete: "username" }, hint: "Phone numbers with the country code, such as +49 151 23456789." };
  return field(label, { name: "address", value, required: "", autocapitalize: "none", spellcheck: "false", ...attributes }, { hint });
}

/**
 * The first step. The second one replaces it.
 * @param {object} options
 * @param {readonly Channel[]} options.channels  what the address may be
 * @param {string} [options.address]
 * @param {string} [options.text]  above the address
 * @param {boolean} [options.sandbox]  codes are listed by the server
 * @param {(address: string) => Promise<string>} options.send  returns the sentence above the code
 * @param {string} options.submit  the label of the second step's button
 * @param {() => HTMLElement[]} [options.more]  the second step's inputs below the code
 * @param {(address: string, code: string, values: FormData) => Promise<unknown>} options.finish
 * @param {Node[]} [options.beside]  beside the button of each step
 */
export function codeForm({ channels, address = "", text = "", sandbox = false, send, submit, more = () => [], finish, beside = [] }) {
  const place = make("div");

  /** @param {string} value */
  function askForAddress(value) {
    const { element, input } = addressField(channels, value);
    const told = text ? [make("p", { class: "hint" }, text)] : [];
    place.replaceChildren(form([...told, element], "Send code", async () => {
      const to = input.value.trim();
      askForCode(to, await send(to));
    }, beside));
    return input;
  }

  /**
   * @param {string} to
   * @param {string} sentence
   */
  function askForCode(to, sentence) {
    const sent = make("p", {}, sentence);
    const listed = sandbox ? [make("p", { class: "hint" }, "Development mode lists it at ", make("a", { href: "/sandbox/codes", target: "_blank" }, "/sandbox/codes"), ".")] : [];
    const { element, input } = field("Code", { name: "code", required: "", inputmode: "numeric", autocomplete: "one-time-code" },
      { hint: "The digits from the message." });
    const error = errorPlace();
    const again = linkButton("Send again", () => attempt(again, error, async () => {
      sent.textContent = await send(to);
      input.focus();
    }));
    const entered = form([make("div", { class: "sent", role: "status" }, sent, make("b", { dir: "auto" }, to), ...listed), element, ...more()], submit,
      () => finish(to, input.value.replaceAll(/\s/g, ""), new FormData(entered)), beside);
    place.replaceChildren(entered, make("p", { class: "links" }, again, linkButton("Use another address", () => askForAddress(to).focus())), error);
    find("input", HTMLInputElement, place).focus();
  }

  askForAddress(address);
  return place;
}

/** The input for a new password. */
export const newPasswordField = () =>
  field("New password", { name: "password", type: "password", autocomplete: "new-password", required: "" }, { hint: "At least 8 characters." });
