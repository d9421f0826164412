// @ts-check
/** The error page. If the requested page may open after sign-in, it offers sign-in and reloads afterwards. */

import { Account } from "./account.js";
import { find } from "./dom.js";

const account = new Account();
const enter = find("#enter", HTMLButtonElement);
const opens = find("#main", HTMLElement).dataset.opensTo === "signed-in";
let known = false;

enter.addEventListener("click", () => account.askToSignIn(() => enter));
account.onChange((user) => {
  if (known && user && opens) return location.reload();
  known = true;
  enter.hidden = !opens || user !== null;
});
account.refresh();
