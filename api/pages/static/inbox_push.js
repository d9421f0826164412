// @ts-check
/** The line that asks whether this browser shows push messages. The permission is asked for by a click only. */

import { button, make, replaceContent } from "./dom.js";
import { attempt, errorPlace } from "./forms.js";
import { allowPush, pushState, stopPush } from "./push.js";

/** @typedef {import("./push.js").PushState} PushState */

/** @param {HTMLElement} place */
export async function showPush(place) {
  try {
    show(place, await pushState());
  } catch {
    place.replaceChildren(); // without the line the inbox is complete
  }
}

/**
 * @param {HTMLElement} place
 * @param {PushState} state
 */
function show(place, state) {
  const error = errorPlace();
  if (state === "unavailable") return place.replaceChildren();
  if (state === "blocked") return place.replaceChildren(make("p", { class: "hint" }, "This browser blocks notifications of this site. Its settings allow them again."));
  const isOn = state === "on";
  const change = button(isOn ? "Stop" : "Notify me", () => attempt(change, error, async () => show(place, await (isOn ? stopPush() : allowPush()))), "button small");
  replaceContent(place, make("p", { class: "hint" }, isOn ? "This browser shows notifications when these pages are closed." : "Get notifications in this browser when these pages are closed."), change, error);
}
