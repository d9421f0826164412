// @ts-check
/** Plays a stream by HLS or WHEP. Survives interruptions, a new publisher, network changes and blocked autoplay. */

import { HlsPlayer } from "./hls_player.js";
import { WhepPlayer } from "./whep_player.js";

/** @typedef {"idle" | "loading" | "playing" | "blocked" | "unsupported"} PlayerState */

const CHECK_MS = 1_000;
const STALLED_S = 6;

export class Player {
  /** @type {import("./playback.js").Engine | null} */ #engine = null;
  /** @type {PlayerState} */ #state = "idle";
  #lastTime = 0;
  #stalledS = 0;
  #closing = new AbortController();
  #checkTimer = 0;

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
    /** True if low latency plays without sound, because WebRTC cannot carry AAC. */
    this.silent = false;
    const { signal } = this.#closing;
    video.addEventListener("timeupdate", () => this.#timeChanged(), { signal });
    video.addEventListener("play", () => this.#engine?.catchUp(), { signal });
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#engine?.catchUp(), { signal });
    this.#checkTimer = setInterval(() => this.#checkProgress(), CHECK_MS);
  }

  get state() {
    return this.#state;
  }

  get latency() {
    return this.#engine?.latency ?? null;
  }

  /** Starts, or restarts for a new publisher. */
  play() {
    this.hold();
    this.#setState("loading");
    const { video } = this;
    const blocked = () => this.#setState("blocked");
    this.#engine = this.lowLatency
      ? new WhepPlayer(video, this.stream.whep_url, () => this.setLowLatency(false), blocked, () => this.#silence())
      : new HlsPlayer(video, this.stream.playback_url, () => this.#freeze(), blocked, () => this.#setState("unsupported"));
    this.#engine.start();
  }

  /** Stops loading and keeps the last frame on the screen. */
  hold() {
    this.#freeze();
    this.silent = false;
    this.#engine?.stop();
    this.#engine = null;
    this.#setState("idle");
  }

  close() {
    this.hold();
    this.still.hidden = true;
    this.#closing.abort();
    clearInterval(this.#checkTimer);
  }

  /** Starts playback after the tap that the browser required. */
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

  #timeChanged() {
    const { currentTime } = this.video;
    if (!this.#engine || currentTime === this.#lastTime) return;
    const advanced = currentTime > this.#lastTime && currentTime - this.#lastTime < 2;
    this.#lastTime = currentTime;
    this.#stalledS = 0;
    if (!advanced || this.video.readyState < this.video.HAVE_CURRENT_DATA) return;
    this.#engine.confirmPlaying();
    this.still.hidden = true;
    this.#setState("playing");
  }

  /** Runs each second: reloads when the video has not advanced for STALLED_S. */
  #checkProgress() {
    if (!this.#engine || document.visibilityState === "hidden" || this.#state === "blocked" || this.#state === "unsupported") return;
    if (this.video.currentTime !== this.#lastTime) return;
    this.#stalledS += CHECK_MS / 1000;
    if (this.#stalledS >= 2) this.#setState("loading");
    if (this.#stalledS < STALLED_S) return;
    this.#stalledS = 0;
    this.#engine.reload();
  }

  /** @param {PlayerState} state */
  #setState(state) {
    if (state === this.#state) return;
    this.#state = state;
    if (state === "loading") this.#stalledS = 0;
    this.onState(state);
  }
}
