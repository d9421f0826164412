// @ts-check
/** Push messages to this browser: `allowPush` asks for permission, so call it when the user clicks, and only then. */

import { ask } from "./api.js";

const WORKER = "/push_worker.js";

/**
 * Whether this browser shows push messages of the signed-in user: `unavailable` if it or the server cannot, `blocked` if
 * the user refused the permission, which only the browser's settings change.
 * @typedef {"unavailable" | "blocked" | "off" | "on"} PushState
 */

/** @returns {Promise<PushState>} */
export async function pushState() {
  if (!("serviceWorker" in navigator && "PushManager" in window && "Notification" in window)) return "unavailable";
  const { public_key, subscribed } = await ask("GET", "/push");
  if (!public_key) return "unavailable";
  if (Notification.permission === "denied") return "blocked";
  const registration = await navigator.serviceWorker.getRegistration(WORKER);
  const subscription = await registration?.pushManager.getSubscription();
  return subscription && subscribed ? "on" : "off";
}

/**
 * Asks for permission and subscribes. Throws Refused, and what the browser throws if its push service is away.
 * @returns {Promise<PushState>}
 */
export async function allowPush() {
  if ((await Notification.requestPermission()) !== "granted") return "blocked";
  const { public_key } = await ask("GET", "/push");
  await navigator.serviceWorker.register(WORKER);
  const registration = await navigator.serviceWorker.ready;
  const old = await registration.pushManager.getSubscription();
  if (old && textOf(old.options.applicationServerKey) !== public_key) await old.unsubscribe();
  const subscription = await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: public_key });
  await ask("POST", "/push", subscription.toJSON());
  return "on";
}

/** @returns {Promise<PushState>} */
export async function stopPush() {
  const registration = await navigator.serviceWorker.getRegistration(WORKER);
  await (await registration?.pushManager.getSubscription())?.unsubscribe();
  await ask("DELETE", "/push");
  return "off";
}

/**
 * Bytes as base64url, in which the server writes its key.
 * @param {ArrayBuffer | null} bytes
 */
function textOf(bytes) {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes ?? new ArrayBuffer(0))));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
