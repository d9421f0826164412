// @ts-check
/** The movements of the user's coins, on the account page and in the studio. */

import { call } from "./api.js";
import { button, make, replaceContent } from "./dom.js";
import { counted } from "./format.js";
import { attempt, errorPlace } from "./forms.js";

/** @typedef {{ id: number, kind: string, coin: number, wallet: number, debt: number, text: string, created: string }} Movement */
/** @typedef {{ movements: Movement[], more: number }} History */

const WHEN = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const SIGNED = new Intl.NumberFormat("en", { signDisplay: "always" });
/** @type {Record<string, string>} */
const KINDS = { bought: "bought coins", earned: "earned coins", reward: "reward coins", debt: "debt" };

/**
 * Shows the newest movements, and a button for older ones.
 * @param {HTMLElement} place
 */
export async function showCoinHistory(place) {
  const list = make("ul", { class: "movements" });
  const error = errorPlace();
  let before = 0;
  const load = async () => {
    /** @type {History} */
    const { movements, more: isMore } = await call("showCoinHistory", { before });
    const lines = movements.map(line);
    list.append(...lines);
    before = movements.at(-1)?.id ?? before;
    more.hidden = !isMore;
    return lines[0];
  };
  const more = button("Show more", () => attempt(more, error, async () => {
    const first = await load();
    if (more.hidden) first?.focus();
  }), "button wide");
  await load();
  const none = make("p", { class: "hint" }, "No coins yet.");
  replaceContent(place, list.childElementCount ? list : none, error, more);
}

/** @param {Movement} movement */
function line({ kind, coin, wallet, debt, text, created }) {
  const when = WHEN.format(new Date(`${created.replace(" ", "T")}Z`));
  const after = debt ? `wallet ${wallet.toLocaleString("en")}, debt ${debt.toLocaleString("en")}` : `wallet ${wallet.toLocaleString("en")}`;
  return make("li", { tabindex: "-1" },
    make("div", { class: "what" }, make("b", { dir: "auto" }, text), make("span", {}, `${KINDS[kind] ?? kind} · ${when}`)),
    make("div", { class: "amount" }, make("b", { title: counted(Math.abs(coin), "coin") }, SIGNED.format(coin)), make("span", {}, after)));
}
