// @ts-check
/** Plays a stream through everything that happens to it: not there yet, interrupted, another publisher, another network, a tap needed. */

import { HlsPlayer } from "./hls_player.js";
import { WhepPlayer } from "./whep_player.js";

/** @typedef {"idle" | "loading" | "playing" | "blocked" | "unsupported"} PlayerState */

const LOOK_MS = 1_000;
const STALLED_S = 6;

export class Player {
  /** @type {import("./playback.js").Engine | null} */ #engine = null;
  /** @type {PlayerState} */ #state = "idle";
  #lastTime = 0;
  #stillFor = 0;
  #closing = new AbortController();
  #looking = 0;

  /**
   * @param {HTMLVideoElement} video
   * @param {HTMLCanvasElement} still  shows the last picture while there is no new one
   * @param {{ playback_url: string, whep_url: string }} stream
   * @param {(state: PlayerState) => void} onState
   */
  constructor(video, still, stream, onState) {
    this.video = video;
    this.still = still;
    this.stream = stream;
    this.onState = onState;
    this.lowLatency = false;
    /** Low latency carries the picture only: WebRTC has no AAC. */
    this.silent = false;
    const { signal } = this.#closing;
    video.addEventListener("timeupdate", () => this.#moved(), { signal });
    video.addEventListener("play", () => this.#engine?.catchUp(), { signal });
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#engine?.catchUp(), { signal });
    this.#looking = setInterval(() => this.#look(), LOOK_MS);
  }

  get state() {
    return this.#state;
  }

  get latency() {
    return this.#engine?.latency ?? null;
  }

  /** The stream is live, perhaps by another publisher than before: begin anew. */
  play() {
    this.hold();
    this.#become("loading");
    const { video } = this;
    const blocked = () => this.#become("blocked");
    this.#engine = this.lowLatency
      ? new WhepPlayer(video, this.stream.whep_url, () => this.setLowLatency(false), blocked, () => this.#silence())
      : new HlsPlayer(video, this.stream.playback_url, () => this.#freeze(), blocked, () => this.#become("unsupported"));
    this.#engine.start();
  }

  /** No new pictures for now: keep the last one. */
  hold() {
    this.#freeze();
    this.silent = false;
    this.#engine?.stop();
    this.#engine = null;
    this.#become("idle");
  }

  close() {
    this.hold();
    this.still.hidden = true;
    this.#closing.abort();
    clearInterval(this.#looking);
  }

  /** After the tap that the browser wanted. */
  resume() {
    this.video.play().then(() => this.#engine?.catchUp(), () => undefined);
  }

  /** @param {boolean} wanted */
  setLowLatency(wanted) {
    const playing = this.#engine !== null;
    this.lowLatency = wanted;
    if (playing) this.play();
    this.onState(this.#state);
  }

  #silence() {
    this.silent = true;
    this.onState(this.#state);
  }

  #freeze() {
    const { video, still } = this;
    if (!this.#engine || video.readyState < video.HAVE_CURRENT_DATA || !video.videoWidth) return;
    still.width = video.videoWidth;
    still.height = video.videoHeight;
    still.getContext("2d")?.drawImage(video, 0, 0);
    still.hidden = false;
  }

  #moved() {
    const { currentTime } = this.video;
    if (!this.#engine || currentTime === this.#lastTime) return;
    const advanced = currentTime > this.#lastTime && currentTime - this.#lastTime < 2;
    this.#lastTime = currentTime;
    this.#stillFor = 0;
    if (!advanced || this.video.readyState < this.video.HAVE_CURRENT_DATA) return;
    this.#engine.proven();
    this.still.hidden = true;
    this.#become("playing");
  }

  /** Each second: has the picture moved? */
  #look() {
    if (!this.#engine || document.visibilityState === "hidden" || this.#state === "blocked" || this.#state === "unsupported") return;
    if (this.video.currentTime !== this.#lastTime) return;
    this.#stillFor += LOOK_MS / 1000;
    if (this.#stillFor >= 2) this.#become("loading");
    if (this.#stillFor < STALLED_S) return;
    this.#stillFor = 0;
    this.#engine.reload();
  }

  /** @param {PlayerState} state */
  #become(state) {
    if (state === this.#state) return;
    this.#state = state;
    if (state === "loading") this.#stillFor = 0;
    this.onState(state);
  }
}
