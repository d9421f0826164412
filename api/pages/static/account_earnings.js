// @ts-check
/** What the account has earned: a payout, the address that payouts go to, and the payouts so far. */

import { ask, call } from "./api.js";
import { find, make } from "./dom.js";
import { field, form, linkButton } from "./forms.js";
import { counted } from "./format.js";
import { showUnfolding } from "./unfolding.js";

/** @typedef {import("./account_page.js").Loaded} Loaded */
/**
 * @typedef {{ withdrawable: number, fresh: number, worth: string, currency: string, least: number, method: string, address: string, held_until: string,
 *   is_open: boolean }} Earnings
 * @typedef {{ coin: number, amount_decimal: string, currency: string, email: string, state: "requested" | "approved" | "paid" | "rejected", reason: string,
 *   reference: string, created: string }} Payout
 */

const DAY = new Intl.DateTimeFormat("en", { dateStyle: "medium" });
const WHEN = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

/** @param {Loaded} all */
export async function showEarnings(all) {
  const [earnings, entries] = await Promise.all([ask("GET", "/account/earnings"), call("showWithdrawalHistory")]);
  showWithdrawal(find("#withdrawal", HTMLElement), earnings, all);
  showAddress(find("#payout-address", HTMLElement), earnings, all);
  showPayouts(find("#payouts", HTMLElement), entries.map((/** @type {{ WithdrawRequest: Payout }} */ entry) => entry.WithdrawRequest));
}

/**
 * @param {HTMLElement} place
 * @param {Earnings} earnings
 * @param {Loaded} all
 */
function showWithdrawal(place, earnings, all) {
  const { withdrawable, worth, currency } = earnings;
  const label = "Can be withdrawn";
  const value = `${counted(withdrawable, "coin")}, worth ${worth} ${currency}`;
  const hint = obstacle(earnings);
  if (hint) {
    const words = make("div", { class: "words" }, make("b", {}, label), make("span", {}, value), make("span", {}, hint));
    place.replaceChildren(make("div", { class: "setting" }, words));
    return;
  }
  showUnfolding(place, {
    label,
    value,
    open: "Withdraw",
    content: (close) => {
      const { element, input } = field("Coins", { name: "coin", type: "number", required: "", min: String(earnings.least), max: String(withdrawable),
        value: String(withdrawable), step: "1" }, { hint: `They are reserved at once, and paid to ${earnings.address} after our team has approved the payout.` });
      return form([element], "Request payout", async () => {
        await call("withdrawRequest", { coin: input.value, amount: "0" });
        await all.changed();
        find("#payouts", HTMLElement).focus();
      }, [linkButton("Cancel", close)]);
    },
  });
}

/**
 * Why no payout can be requested now. Empty: it can.
 * @param {Earnings} earnings
 */
function obstacle({ withdrawable, fresh, least, address, held_until, is_open }) {
  if (is_open) return "You have already requested a payout. The next one can be requested when our team has paid or rejected it.";
  if (held_until) return `Your payout address was changed. For your safety, payouts are possible again from ${WHEN.format(new Date(held_until))}.`;
  const later = fresh ? ` ${counted(fresh, "more coin", "more coins")} can be withdrawn later.` : "";
  if (withdrawable < least) return `A payout has at least ${counted(least, "coin")}.${later}`;
  return address ? "" : "Add the address that your payouts go to first.";
}

/**
 * @param {HTMLElement} place
 * @param {Earnings} earnings
 * @param {Loaded} all
 */
function showAddress(place, { address }, all) {
  showUnfolding(place, {
    label: "Payout address",
    value: address || "None yet",
    open: address ? "Change" : "Add",
    content: (close) => (address ? changeForm(place, all, close) : addressForm("Save", [], (value) => save(place, all, { value }), close)),
  });
}

/**
 * @param {HTMLElement} place
 * @param {Loaded} all
 * @param {Record<string, string>} values
 */
async function save(place, all, values) {
  await call("addPayout", values);
  await all.changed(place);
}

/**
 * @param {string} submit
 * @param {(Node | string)[]} parts  below the address
 * @param {(value: string) => Promise<unknown>} work
 * @param {() => void} close
 * @param {string} [value]
 * @param {(Node | string)[]} [beside]
 */
function addressForm(submit, parts, work, close, value = "", beside = []) {
  const { element, input } = field("New address", { name: "value", required: "", value, autocomplete: "off", autocapitalize: "none", spellcheck: "false" },
    { hint: "The email address of your PayPal account, an IBAN or a wallet address." });
  return form([element, ...parts], submit, () => work(input.value.trim()), [...beside, linkButton("Cancel", close)]);
}

/**
 * A change, which the password proves, or a code.
 * @param {HTMLElement} place
 * @param {Loaded} all
 * @param {() => void} close
 */
function changeForm(place, all, close) {
  const shown = make("div", {}, make("p", { class: "hint" }, "Your old address is told of the change. After it, no payout is possible for some days."));
  const value = () => shown.querySelector("input")?.value ?? "";

  /** @param {HTMLFormElement} next */
  function show(next) {
    shown.querySelector("form")?.remove();
    shown.append(next);
  }

  function withPassword() {
    const { element, input } = field("Password", { name: "password", type: "password", autocomplete: "current-password", required: "" });
    show(addressForm("Save", [element], (to) => save(place, all, { value: to, password: input.value }), close, value(),
      [linkButton("Use a code instead", () => askForCode())]));
  }

  function askForCode() {
    show(addressForm("Send code", [make("p", { class: "hint" }, "The code is sent to the email address or phone number of your account.")], async (to) => {
      const sent = await ask("POST", "/account/payout-code");
      withCode(to, sent.to);
    }, close, value()));
    shown.querySelector("input")?.focus();
  }

  /**
   * @param {string} to
   * @param {string} contact
   */
  function withCode(to, contact) {
    const { element, input } = field("Code", { name: "code", required: "", inputmode: "numeric", autocomplete: "one-time-code" },
      { hint: "The digits from the message." });
    const sent = make("p", { role: "status" }, "A code is on its way to ", make("b", { dir: "auto" }, contact), ".");
    show(addressForm("Save", [sent, element], (address) => save(place, all, { value: address, code: input.value.replaceAll(/\s/g, "") }), close, to));
    input.focus();
  }

  if (all.current.has_password) withPassword();
  else askForCode();
  return shown;
}

/**
 * @param {HTMLElement} place
 * @param {Payout[]} payouts  newest first
 */
function showPayouts(place, payouts) {
  place.hidden = payouts.length === 0;
  place.tabIndex = -1;
  const rows = payouts.map((payout) => make("li", { class: "setting" }, make("div", { class: "words" },
    make("b", {}, `${counted(payout.coin, "coin")}, ${payout.amount_decimal} ${payout.currency}`),
    make("span", {}, `${DAY.format(new Date(`${payout.created.replace(" ", "T")}Z`))} · ${payout.email}`),
    make("span", { dir: "auto" }, inWords(payout)))));
  place.replaceChildren(make("h3", {}, "Payouts"), make("ul", { class: "rows" }, ...rows));
}

/** @param {Payout} payout */
function inWords({ state, reason, reference }) {
  switch (state) {
    case "requested": return "Requested. Our team has not decided yet.";
    case "approved": return "Approved. It will be paid.";
    case "paid": return `Paid. Reference: ${reference}`;
    case "rejected": return `Rejected, and the coins are yours again. ${reason}`;
  }
}
