// @ts-check
/** The account's email address and phone number. A new one counts when the code that is sent to it is entered. */

import { call } from "./api.js";
import { codeForm } from "./code_form.js";
import { linkButton } from "./forms.js";
import { showUnfolding } from "./unfolding.js";

/** @typedef {import("./account_page.js").Loaded} Loaded */
/** @typedef {import("./api.js").Channel} Channel */

/** @type {Record<Channel, { label: string, text: string, send: (to: string) => Promise<string>, confirm: (to: string, code: string) => Promise<unknown> }>} */
const CONTACTS = {
  email: {
    label: "Email",
    text: "A code is sent to the new address. The old one stays until you enter the code, and then gets a message.",
    send: (to) => call("changeEmailAddress", { email: to }),
    confirm: (to, code) => call("verifyChangeEmailCode", { new_email: to, code }),
  },
  phone: {
    label: "Phone",
    text: "A code is sent to the new number. The old one stays until you enter the code, and then gets a message.",
    send: (to) => call("changePhoneNo", { phone: to, verify: 0 }),
    confirm: (to, code) => call("changePhoneNo", { phone: to, verify: 1, code }),
  },
};

/**
 * Hidden when the server cannot send to it and the account has none.
 * @param {HTMLElement} place
 * @param {Channel} channel
 * @param {Loaded} all
 */
export function showContact(place, channel, { account, own, changed }) {
  const { label, text, send, confirm } = CONTACTS[channel];
  const { channels, sandbox } = account.session;
  const has = own[channel];
  place.hidden = !channels.includes(channel);
  showUnfolding(place, {
    label,
    value: has || "None yet",
    open: has ? "Change" : "Add",
    content: (close) => codeForm({
      channels: [channel],
      sandbox,
      text: has ? text : "",
      send,
      submit: "Confirm",
      finish: async (to, code) => {
        await confirm(to, code);
        await changed(place);
      },
      beside: [linkButton("Cancel", close)],
    }),
  });
}
