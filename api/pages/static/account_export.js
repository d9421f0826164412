// @ts-check
/** The download of everything that the server stores about the user. */

import { call } from "./api.js";
import { button, make } from "./dom.js";
import { attempt, errorPlace } from "./forms.js";

const KEPT_MS = 60_000;

/**
 * @param {HTMLElement} place
 * @param {import("./account_page.js").Loaded} all
 */
export function showExport(place, { own }) {
  const error = errorPlace();
  const done = make("p", { class: "hint", role: "status" });
  const get = button("Download", () => attempt(get, error, async () => {
    done.textContent = "";
    save(JSON.stringify(await call("exportUserData"), null, 2), `stagedoor-${own.username}-${new Date().toISOString().slice(0, 10)}.json`);
    done.textContent = "Your data is in your downloads.";
  }), "button small");
  get.setAttribute("aria-label", "Download your data");
  place.replaceChildren(make("div", { class: "setting" }, make("div", { class: "words" }, make("b", {}, "Export"),
    make("span", {}, "Everything that is stored about you, as a JSON file.")), get), error, done);
}

/**
 * @param {string} text
 * @param {string} name
 */
function save(text, name) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
}
