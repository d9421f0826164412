// @ts-check
/** Plays WHEP (WebRTC): lower latency than HLS. WebRTC cannot carry every stream, so the caller falls back to HLS in `onFailed`. */

import { begin, offer } from "./playback.js";

const FIRST_PICTURE_MS = 8_000;
/** How long after the first frame sound may start. Shorter reports silence on slow networks, longer reports it late. */
const FIRST_SOUND_MS = 1_500;

/** @typedef {import("./playback.js").Engine} Engine */

/** @implements {Engine} */
export class WhepPlayer {
  /** @type {RTCPeerConnection | null} */ #connection = null;
  #timer = 0;
  #sound = 0;
  /** @type {MediaStreamTrack | null} */ #audio = null;

  /**
   * @param {HTMLVideoElement} video
   * @param {string} url
   * @param {() => void} onFailed
   * @param {() => void} onBlocked
   * @param {() => void} onSilent  the server sends no sound
   */
  constructor(video, url, onFailed, onBlocked, onSilent) {
    this.video = video;
    this.url = url;
    this.onFailed = onFailed;
    this.onBlocked = onBlocked;
    this.onSilent = onSilent;
  }

  start() {
    this.#timer = setTimeout(() => this.#fail(), FIRST_PICTURE_MS);
    this.#connect().catch(() => this.#fail());
  }

  stop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#sound);
    this.#connection?.close(); // the server notices: no DELETE request is needed
    this.#connection = null;
    this.video.srcObject = null;
  }

  /** Detects missing sound: the SDP answer always has an audio track, which stays muted until its first packet. */
  confirmPlaying() {
    clearTimeout(this.#timer);
    this.#sound ||= setTimeout(() => this.#audio?.muted && this.onSilent(), FIRST_SOUND_MS);
  }

  reload() {
    this.#fail();
  }

  catchUp() {}

  get latency() {
    return null;
  }

  async #connect() {
    const connection = new RTCPeerConnection();
    this.#connection = connection;
    this.#sound = 0;
    const media = new MediaStream();
    connection.addTransceiver("video", { direction: "recvonly" });
    this.#audio = connection.addTransceiver("audio", { direction: "recvonly" }).receiver.track;
    connection.ontrack = ({ track }) => media.addTrack(track);
    connection.onconnectionstatechange = () => connection.connectionState === "failed" && this.#fail();
    await offer(connection, this.url);
    if (this.#connection !== connection) return;
    this.video.srcObject = media;
    begin(this.video, this.onBlocked);
  }

  #fail() {
    if (!this.#connection) return;
    this.stop();
    this.onFailed();
  }
}
