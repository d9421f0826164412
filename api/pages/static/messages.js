// @ts-check
/** The page of the user's conversations: the list, and one of them. */

import { Account } from "./account.js";
import { Refused, call } from "./api.js";
import { Conversation } from "./conversation.js";
import { ConversationList } from "./conversation_list.js";
import { find, make } from "./dom.js";
import { personOf } from "./people.js";

const RETRY_MS = 4_000;

const root = find("#main", HTMLElement);
const guest = find("#guest", HTMLElement);
const own = find("#own", HTMLElement);
const place = find("#conversation", HTMLElement);
const unreached = find("#unreached", HTMLElement);
const username = root.dataset.with ?? "";

const account = new Account();
const list = new ConversationList(find("#conversations", HTMLElement), username);
/** @type {Conversation | null} */
let conversation = null;
let retryTimer = 0;

/** Loads the list and the conversation; retries until the server answers. */
async function load() {
  clearTimeout(retryTimer);
  if (!account.user) return;
  try {
    await Promise.all([list.load(), openConversation()]);
    unreached.hidden = true;
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return account.refresh();
    unreached.hidden = false;
    retryTimer = setTimeout(load, RETRY_MS);
  }
}

async function openConversation() {
  if (!username || !account.user) return;
  if (conversation) return conversation.catchUp();
  try {
    const other = personOf((await call("showUserDetail", { username })).User);
    conversation = new Conversation(place, account.user.user_id, other, () => list.load());
    await conversation.load();
  } catch (error) {
    if (!(error instanceof Refused) || error.status !== NO_SUCH_USER) throw error;
    place.replaceChildren(make("div", { class: "empty" }, make("h2", {}, "There is no such user"), make("a", { class: "button", href: "/messages" }, "All messages")));
  }
}

const NO_SUCH_USER = 201;

account.onChange((user) => {
  own.hidden = !user;
  guest.hidden = Boolean(user);
  conversation = null;
  if (user) return load();
  find(".ways", HTMLElement, guest).replaceChildren(...account.forms(() => find("a, textarea", HTMLElement, own).focus()));
});
account.personal.listen({
  back: load,
  message(message) {
    conversation?.receive(message);
    list.load().catch(() => undefined);
  },
  conversation(changed) {
    conversation?.changed(changed);
    list.load().catch(() => undefined);
  },
});
account.onReach((reached) => { unreached.hidden = reached; });
root.addEventListener("signed-out", () => account.refresh());
root.classList.toggle("talking", username !== "");
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && conversation?.markRead());
account.refresh();
