// @ts-check
/** A WebSocket that reconnects, and resends the frames that the server has not answered. The live socket and the personal socket are such. */

/** @typedef {"connecting" | "open" | "waiting" | "closed"} Connection */

/**
 * `frame`: a frame that answers no frame of ours. `connection`: with the close code, or 0.
 * @typedef {{ path: () => string, final: Set<number>, over: string, frame: (frame: any) => void, connection: (connection: Connection, code: number) => void }} Use
 */

const GOING_AWAY = 1001;
const TOO_MANY = 4429;
const TOO_SLOW = 4508;

const SPREAD_MS = 3_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const TOO_MANY_WAIT_MS = 30_000;
const ANSWER_MS = 30_000;

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

/** @typedef {{ frame: object, resolve: (answer: any) => void, reject: (error: NotSent) => void, timer: number }} Pending */

export class ReconnectingSocket {
  /** @type {WebSocket | null} */ #socket = null;
  #attempts = 0;
  #timer = 0;
  #wanted = false;
  /** @type {Map<string, Pending>} */ #pending = new Map();

  /** @param {Use} use */
  constructor(use) {
    this.use = use;
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

  /** To be called when the server has greeted: waiting starts with short times again. */
  greeted() {
    this.#attempts = 0;
    this.use.connection("open", 0);
  }

  /**
   * Sends a frame and resolves with the server's answer. Resent after a reconnect; the id makes that idempotent.
   * @param {{ type: string, id: string }} frame
   * @returns {Promise<any>}
   */
  send(frame) {
    return new Promise((resolve, reject) => {
      if (!this.#wanted) return reject(new NotSent(this.use.over, "closed"));
      const timer = setTimeout(() => this.#settle(frame.id, new NotSent("No answer from the server. Check your connection and try again.", "no_answer")), ANSWER_MS);
      this.#pending.set(frame.id, { frame, resolve, reject, timer });
      if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
    });
  }

  #connect() {
    clearTimeout(this.#timer);
    this.#drop();
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}${this.use.path()}`);
    this.#socket = socket;
    this.use.connection("connecting", 0);
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
    if (this.use.final.has(code)) {
      this.#wanted = false;
      for (const id of [...this.#pending.keys()]) this.#settle(id, new NotSent(this.use.over, "closed"));
      this.use.connection("closed", code);
      return;
    }
    this.use.connection("waiting", code);
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
    if (frame.id && frame.type === "ack") this.#settle(frame.id, null, frame);
    else if (frame.id && frame.type === "error") this.#settle(frame.id, new NotSent(frame.message ?? "That did not work. Please try again.", frame.code));
    else this.use.frame(frame);
  }

  /**
   * @param {string} id
   * @param {NotSent | null} error
   * @param {object} [answer]
   */
  #settle(id, error, answer) {
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    if (error) pending.reject(error);
    else pending.resolve(answer);
  }
}
