// @ts-check
/** The live socket of one stream, which resumes after the last event. */

import { ReconnectingSocket } from "./reconnecting_socket.js";

/** @typedef {{ user_id: number, username: string, profile_pic: string }} Person */
/** @typedef {{ user_id: number, username: string, coins: number }} Gifter */

/**
 * @typedef {{ gift_id: number, title: string, icon: string, count: number, coins: number, sender: Person, receiver_id: number,
 *   sender_total: number, combo: { id: string, count: number } }} GiftData
 */

/** @typedef {{ duration_s: number, peak_viewers: number, coins: number, likes: number }} Summary */
/** @typedef {{ status: string, reason?: string, summary?: Summary }} StatusData */
/** @typedef {{ viewers: number, likes: number, coins: number, top_gifters: Gifter[] }} Figures */
/** @typedef {Figures & { joined: { user_id: number, username: string }[] }} Stats */

/**
 * @typedef {{ epoch: string, seq: number, recovered: boolean, stream: Figures & { id: number, status: string, title: string, started_at: string | null },
 *   you: { user_id: number | null, role: string } }} Hello
 */

/** @typedef {import("./reconnecting_socket.js").Connection} Connection */

/**
 * `missed`: the event happened while the socket was disconnected. `code`: the close code, if the socket is closed for good.
 * @typedef {object} Listener
 * @property {(hello: Hello) => void} [hello]
 * @property {(gift: GiftData, at: string, missed: boolean) => void} [gift]
 * @property {(status: StatusData, at: string) => void} [status]
 * @property {(stats: Stats) => void} [stats]
 * @property {(connection: Connection, code: number) => void} [connection]
 */

export const SIGN_IN = 4401;
export const FORBIDDEN = 4403;
export const NO_SUCH_STREAM = 4404;
export const ENDED = 4410;
const FINAL = new Set([SIGN_IN, FORBIDDEN, NO_SUCH_STREAM, ENDED]);

export class LiveSocket {
  /** @type {number | null} */ #seq;
  #epoch = "";
  #joinedAt = 0;
  #socket;

  /**
   * `after`: resume after this event number; 0 requests all events of the stream.
   * @param {number} streamId
   * @param {Listener} listener
   * @param {number | null} [after]
   */
  constructor(streamId, listener, after = null) {
    this.streamId = streamId;
    this.listener = listener;
    this.#seq = after;
    this.#socket = new ReconnectingSocket({
      path: () => this.#path(),
      final: FINAL,
      over: "The stream has ended.",
      frame: (frame) => this.#receive(frame),
      connection: (connection, code) => listener.connection?.(connection, code),
    });
  }

  open() {
    this.#socket.open();
  }

  /** Reconnects after sign-in or sign-out: the server reads the session cookie when the socket opens. */
  reopen() {
    this.#socket.reopen();
  }

  close() {
    this.#socket.close();
  }

  /**
   * Sends a frame and resolves when the server acknowledges it.
   * @param {{ type: string, id: string }} frame
   * @returns {Promise<void>}
   */
  send(frame) {
    return this.#socket.send(frame);
  }

  #path() {
    const query = this.#seq === null ? "" : `?after=${this.#seq}${this.#epoch && `&epoch=${encodeURIComponent(this.#epoch)}`}`;
    return `/ws/live/${this.streamId}${query}`;
  }

  /** @param {any} frame */
  #receive(frame) {
    const listener = this.listener;
    if (typeof frame.seq === "number" && typeof frame.at === "string") {
      if (this.#seq !== null && frame.seq <= this.#seq) return;
      this.#seq = frame.seq;
      if (frame.type === "gift") listener.gift?.(frame.data, frame.at, frame.seq <= this.#joinedAt);
      if (frame.type === "status") listener.status?.(frame.data, frame.at);
    } else if (frame.type === "hello") {
      this.#epoch = frame.epoch;
      this.#joinedAt = frame.seq;
      if (!frame.recovered) this.#seq = frame.seq;
      this.#socket.greeted();
      listener.hello?.(frame);
    } else if (frame.type === "stats") {
      listener.stats?.(frame);
    }
  }
}
