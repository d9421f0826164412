// @ts-check
/** The appeal of a decision by a user who cannot sign in. Decision and code are in the fragment of the address in the letter. */

import { Account } from "./account.js";
import { call, messageOf } from "./api.js";
import { find, whileDisabled } from "./dom.js";

new Account().refresh();

const form = find("#appeal", HTMLFormElement);
const said = find("#said", HTMLElement);
const link = /^#(\d+)\.(.+)$/.exec(location.hash);

if (link === null) {
  form.hidden = true;
  find("#about", HTMLElement).textContent = "Open this page with the whole address from our letter.";
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  whileDisabled(find("button", HTMLButtonElement, form), async () => {
    try {
      const text = find("#text", HTMLTextAreaElement).value;
      // Without the session: one that a ban has ended would be refused, and the code is enough.
      said.textContent = await call("appealReport", { decision_id: link?.[1], code: link?.[2], text }, "omit");
      for (const field of form.querySelectorAll("label, textarea, button")) field.remove();
    } catch (error) {
      said.textContent = messageOf(error);
    }
  });
});
