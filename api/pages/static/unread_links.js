// @ts-check
/** Links to the inbox and to the messages in the page's header, with the numbers of what is unread. */

import { icon, make } from "./dom.js";

/** @typedef {import("./personal_socket.js").PersonalSocket} PersonalSocket */

const MOST = 99;

/** @param {PersonalSocket} personal */
export function unreadLinks(personal) {
  const inbox = link("/inbox", "bell", "Inbox");
  const messages = link("/messages", "chat", "Messages");
  personal.listen({
    unread({ entries, messages: unread, requests }) {
      inbox.show(entries);
      messages.show(unread + requests);
    },
  });
  return [inbox.element, messages.element];
}

/**
 * @param {string} href
 * @param {string} image
 * @param {string} label
 */
function link(href, image, label) {
  const count = make("span", { class: "count", hidden: "", "aria-hidden": "true" });
  const element = make("a", { class: "unread-link", href, "aria-label": label, title: label }, icon(image), count);
  if (location.pathname === href) element.setAttribute("aria-current", "page");
  return {
    element,
    /** @param {number} unread */
    show(unread) {
      count.hidden = unread === 0;
      count.textContent = unread > MOST ? `${MOST}+` : String(unread);
      element.setAttribute("aria-label", unread ? `${label}, ${unread} unread` : label);
    },
  };
}
