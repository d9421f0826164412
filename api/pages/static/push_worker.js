// @ts-check
/** The service worker of push messages. It is served at `/push_worker.js`, so that it controls all pages. It caches nothing. */

/** @typedef {{ title: string, body: string, image: string, path: string, tag: string, unread: number }} Message */

// The types of service workers and of pages cannot be used together.
const worker = /** @type {any} */ (self);

worker.addEventListener("install", () => worker.skipWaiting());
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));

worker.addEventListener("push", (/** @type {any} */ event) => {
  /** @type {Message} */
  const message = event.data.json();
  const options = { body: message.body, tag: message.tag, icon: message.image || undefined, data: { path: message.path } };
  worker.navigator.setAppBadge?.(message.unread);
  event.waitUntil(worker.registration.showNotification(message.title, options));
});

worker.addEventListener("notificationclick", (/** @type {any} */ event) => {
  event.notification.close();
  event.waitUntil(openPage(event.notification.data.path));
});

worker.addEventListener("pushsubscriptionchange", (/** @type {any} */ event) => {
  event.waitUntil(renew(event.oldSubscription));
});

/**
 * Shows the page in a window of ours that has it open, else in a new one.
 * @param {string} path
 */
async function openPage(path) {
  const { href, origin } = new URL(path, worker.location.origin);
  if (origin !== worker.location.origin) return;
  const windows = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  const opened = windows.find((/** @type {any} */ client) => client.url === href);
  await (opened ? opened.focus() : worker.clients.openWindow(href));
}

/**
 * The push service replaced the subscription.
 * @param {any} old
 */
async function renew(old) {
  if (!old) return;
  const subscription = await worker.registration.pushManager.subscribe(old.options);
  const headers = { "Content-Type": "application/json" };
  await fetch("/push", { method: "POST", headers, body: JSON.stringify(subscription) });
}
