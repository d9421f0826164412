// @ts-check
/** The personal socket: what is new for the signed-in user, on every page. */

import { ReconnectingSocket } from "./reconnecting_socket.js";

/** @typedef {{ id: number, username: string, name: string, picture: string }} Sender */
/** @typedef {{ id: number, kind: string, text: string, sender: Sender, stream_id: number, created_at: string }} Entry */
/**
 * @typedef {{ conversation_id: number, number: number, change: number, sender_id: number, receiver_id: number, kind: string, text: string,
 *   picture: string, picture_small: string, video_id: number, stream_id: number, client_ref: string, created_at: string,
 *   retracted: boolean, deleted: boolean }} Message
 * @typedef {{ id: number, change: number, other_user_id: number, state: string, last_number: number, read_number: number,
 *   other_read_number: number, deleted_number: number, unread: number, hidden: boolean }} Conversation
 */
/**
 * How far an own video is.
 * @typedef {{ id: number, state: "processing" | "ready" | "failed", progress: number, failure: string }} VideoProgress
 */
/** @typedef {{ entries: number, messages: number, requests: number }} Unread */

/**
 * `hello`: from now on it tells what happens. `back`: after a connection was lost; what happened meanwhile is not told.
 * @typedef {object} Listener
 * @property {(unread: Unread) => void} [unread]
 * @property {(entry: Entry) => void} [entry]
 * @property {() => void} [read]
 * @property {(message: Message) => void} [message]
 * @property {(conversation: Conversation) => void} [conversation]
 * @property {(video: VideoProgress) => void} [video]
 * @property {() => void} [hello]
 * @property {() => void} [back]
 * @property {(open: boolean) => void} [connection]
 */

const FINAL = new Set([4401, 4403]);

export class PersonalSocket {
  /** @type {Unread} */ unread = { entries: 0, messages: 0, requests: 0 };
  /** @type {Listener[]} */ #listeners = [];
  #greetings = 0;
  #socket = new ReconnectingSocket({
    path: () => "/ws/me",
    final: FINAL,
    over: "You are signed out.",
    frame: (frame) => this.#receive(frame),
    connection: (connection) => this.#tell((listener) => listener.connection?.(connection === "open")),
  });

  /** @param {Listener} listener */
  listen(listener) {
    this.#listeners.push(listener);
    listener.unread?.(this.unread);
  }

  /** Connects as the user who is signed in now. */
  open() {
    this.#greetings = 0;
    this.#socket.reopen();
  }

  close() {
    this.#socket.close();
    this.#count({ entries: 0, messages: 0, requests: 0 });
  }

  /** @param {any} frame */
  #receive(frame) {
    if (frame.type === "hello") {
      this.#socket.greeted();
      this.#count({ entries: frame.inbox.unread, messages: frame.messages.unread, requests: frame.messages.requests });
      this.#tell((listener) => listener.hello?.());
      if (this.#greetings++ > 0) this.#tell((listener) => listener.back?.());
    } else if (frame.type === "inbox") {
      this.#count({ entries: frame.unread });
      this.#tell((listener) => listener.entry?.(frame.entry));
    } else if (frame.type === "read") {
      this.#count({ entries: frame.unread });
      this.#tell((listener) => listener.read?.());
    } else if (frame.type === "video") {
      this.#tell((listener) => listener.video?.(frame.video));
    } else if (["message", "conversation", "unread_messages"].includes(frame.type)) {
      this.#count({ messages: frame.unread, requests: frame.requests });
      if (frame.type === "message") this.#tell((listener) => listener.message?.(frame.message));
      if (frame.type === "conversation") this.#tell((listener) => listener.conversation?.(frame.conversation));
    }
  }

  /** @param {Partial<Unread>} changed */
  #count(changed) {
    this.unread = { ...this.unread, ...changed };
    this.#tell((listener) => listener.unread?.(this.unread));
  }

  /** @param {(listener: Listener) => void} each */
  #tell(each) {
    for (const listener of this.#listeners) each(listener);
  }
}
