// @ts-check
/** The live socket of one stream. Reconnects with backoff, resumes after the last event, and resends frames that were not acknowledged. */

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

/** @typedef {"connecting" | "open" | "waiting" | "closed"} Connection */

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
const GOING_AWAY = 1001;
const TOO_MANY = 4429;
const TOO_SLOW = 4508;

const SPREAD_MS = 3_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const TOO_MANY_WAIT_MS = 30_000;
const ANSWER_MS = 30_000;
const STREAM_OVER = "The stream has ended.";

/** The server did not accept a frame. Its message is written for the user. */
export class NotSent extends Error {
  /**
   * @param {string} message
   * @param {string} code
   */
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

/** @typedef {{ frame: object, resolve: () => void, reject: (error: NotSent) => void, timer: number }} Pending */

export class LiveSocket {
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {number | null} */ #seq;
  #epoch = "";
  #joinedAt = 0;
  #attempts = 0;
  #timer = 0;
  #wanted = false;
  /** @type {Map<string, Pending>} */ #pending = new Map();

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
    addEventListener("online", () => this.#wanted && !this.#socket && this.#connect());
    addEventListener("offline", () => this.#socket?.close());
  }

  open() {
    this.#wanted = true;
    this.#connect();
  }

  /** Reconnects after sign-in or sign-out: the server reads the session cookie when the socket opens. */
  reopen() {
    this.#drop();
    this.open();
  }

  close() {
    this.#wanted = false;
    this.#drop();
  }

  /**
   * Sends a frame and resolves when the server acknowledges it. Resent after a reconnect; the id makes that idempotent.
   * @param {{ type: string, id: string }} frame
   * @returns {Promise<void>}
   */
  send(frame) {
    return new Promise((resolve, reject) => {
      if (!this.#wanted) return reject(new NotSent(STREAM_OVER, "closed"));
      const timer = setTimeout(() => this.#settle(frame.id, new NotSent("No answer from the server. Check your connection and try again.", "no_answer")), ANSWER_MS);
      this.#pending.set(frame.id, { frame, resolve, reject, timer });
      if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
    });
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#drop();
    const query = this.#seq === null ? "" : `?after=${this.#seq}${this.#epoch && `&epoch=${encodeURIComponent(this.#epoch)}`}`;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws/live/${this.streamId}${query}`);
    this.#socket = socket;
    this.listener.connection?.("connecting", 0);
    socket.onopen = () => {
      for (const { frame } of this.#pending.values()) socket.send(JSON.stringify(frame));
    };
    socket.onmessage = (message) => this.#receive(JSON.parse(message.data));
    socket.onclose = (event) => this.#closed(event.code);
  }

  #drop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  /** @param {number} code */
  #closed(code) {
    this.#socket = null;
    if (FINAL.has(code)) {
      this.#wanted = false;
      for (const id of [...this.#pending.keys()]) this.#settle(id, new NotSent(STREAM_OVER, "closed"));
      this.listener.connection?.("closed", code);
      return;
    }
    this.listener.connection?.("waiting", code);
    if (navigator.onLine) this.#timer = setTimeout(() => this.#connect(), this.#wait(code)); // else the event "online" reconnects
  }

  /** @param {number} code */
  #wait(code) {
    if (code === TOO_MANY) return TOO_MANY_WAIT_MS * (1 + Math.random());
    if (code === GOING_AWAY || code === TOO_SLOW) {
      if (this.#attempts++ === 0) return SPREAD_MS * Math.random();
    }
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#attempts++);
    return longest * (0.5 + Math.random() / 2);
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
      this.#attempts = 0;
      this.#epoch = frame.epoch;
      this.#joinedAt = frame.seq;
      if (!frame.recovered) this.#seq = frame.seq;
      listener.connection?.("open", 0);
      listener.hello?.(frame);
    } else if (frame.type === "stats") {
      listener.stats?.(frame);
    } else if (frame.type === "ack") {
      this.#settle(frame.id, null);
    } else if (frame.type === "error" && frame.id) {
      this.#settle(frame.id, new NotSent(frame.message ?? "That did not work. Please try again.", frame.code));
    }
  }

  /**
   * @param {string} id
   * @param {NotSent | null} error
   */
  #settle(id, error) {
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    if (error) pending.reject(error);
    else pending.resolve();
  }
}
