// @ts-check
/** The page that says why there is no other. One that may open to somebody offers signing in, and looks again when somebody has. */

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
