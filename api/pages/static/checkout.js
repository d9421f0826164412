// @ts-check
/** Buys coins on Stripe's payment page: leaves for it, and waits for the coins after the return. */

import { call, Refused } from "./api.js";

const PARAMETER = "checkout";
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;
/** About four minutes. */
const LOOKS = 20;
const REFUSED = 201;
const COMING = "Your coins are on the way …";

/**
 * Leaves this page. Stripe leads the buyer back to it.
 * @param {import("./api.js").CoinPackage} pack
 */
export async function goToCheckout(pack) {
  const { url } = await call("startCheckout", { product_id: pack.product_id, return_path: location.pathname + location.search });
  location.assign(url);
}

/** The id of the checkout that the buyer has just paid, "" if there is none. Removes it from the address. */
export function takePaidCheckout() {
  const address = new URL(location.href);
  const checkout = address.searchParams.get(PARAMETER) ?? "";
  if (checkout) {
    address.searchParams.delete(PARAMETER);
    history.replaceState(history.state, "", address);
  }
  return checkout;
}

/**
 * Waits for the coins of a paid checkout: a bank transfer takes days, and Stripe may be slow to answer our server. Coins that
 * come later than this waits are credited by Stripe's notification.
 * @param {string} checkout
 * @param {(text: string) => void} tell  shows what is known meanwhile
 * @returns {Promise<string>} a sentence that says that they are there; "" if they have not come
 */
export async function coinsOf(checkout, tell) {
  tell(COMING);
  for (let look = 0, pause = FIRST_PAUSE_MS; look < LOOKS; look += 1, pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
    try {
      const { PurchaseCoin: bought } = await call("purchaseCoin", { transaction_id: checkout, device: "web" });
      return `${bought.coin.toLocaleString("en")} coins added.`;
    } catch (error) {
      tell(error instanceof Refused && error.status === REFUSED ? error.message : COMING);
    }
    await new Promise((done) => setTimeout(done, pause));
  }
  return "";
}
