// @ts-check
/** Plays HLS with hls.js (Media Source Extensions), or natively in browsers without Media Source Extensions. */

import { begin } from "./playback.js";

const SCRIPT = "/static/vendor/hls.min.js";
const RETRY_MS = [250, 500, 1_000, 2_000];

/**
 * Playback starts as far behind the newest part as the server says (PART-HOLD-BACK). After a stall the player catches up by playing faster.
 * No worker: MediaMTX sends fragmented MP4, which needs no transmuxing.
 */
const CONFIG = {
  lowLatencyMode: true,
  maxLiveSyncPlaybackRate: 1.5,
  liveDurationInfinity: true,
  backBufferLength: 8,
  enableWorker: false,
};
const FAR_BEHIND_S = 6;
const UNSUPPORTED = new Set(["manifestIncompatibleCodecsError", "bufferIncompatibleCodecsError", "bufferAddCodecError"]);

/** @type {Promise<any> | null} */
let script = null;

/** The class `Hls` of hls.js. Loads the script at first use. */
function hlsScript() {
  script ??= new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = SCRIPT;
    element.onload = () => resolve(/** @type {any} */ (window).Hls);
    element.onerror = () => {
      script = null;
      element.remove();
      reject(new Error("the script of hls.js cannot be loaded"));
    };
    document.head.append(element);
  });
  return script;
}

const HAS_MEDIA_SOURCE = "MediaSource" in window || "ManagedMediaSource" in window;

/** @typedef {import("./playback.js").Engine} Engine */

/** @implements {Engine} */
export class HlsPlayer {
  /** @type {any} */ #hls = null;
  #timer = 0;
  #attempts = 0;
  #stopped = false;

  /**
   * @param {HTMLVideoElement} video
   * @param {string} url
   * @param {() => void} beforeReload
   * @param {() => void} onBlocked
   * @param {() => void} onUnsupported
   */
  constructor(video, url, beforeReload, onBlocked, onUnsupported) {
    this.video = video;
    this.url = url;
    this.beforeReload = beforeReload;
    this.onBlocked = onBlocked;
    this.onUnsupported = onUnsupported;
  }

  start() {
    if (HAS_MEDIA_SOURCE) this.#load();
    else this.#loadNatively();
  }

  stop() {
    this.#stopped = true;
    this.#release();
  }

  /** It works: the next failure is the first one again. */
  confirmPlaying() {
    this.#attempts = 0;
  }

  /** Starts a new HLS session: a session belongs to one IP address of the viewer and one publisher. */
  reload() {
    if (this.#stopped) return;
    this.beforeReload();
    this.#release();
    const wait = RETRY_MS[Math.min(this.#attempts++, RETRY_MS.length - 1)];
    this.#timer = setTimeout(() => this.start(), wait);
  }

  /** Jumps to the live edge after a pause. */
  catchUp() {
    const newest = this.#hls?.liveSyncPosition;
    if (newest && newest - this.video.currentTime > FAR_BEHIND_S) this.video.currentTime = newest;
  }

  /** Seconds behind the publisher; null if unknown. */
  get latency() {
    return this.#hls?.latency || null;
  }

  async #load() {
    let Hls;
    try {
      Hls = await hlsScript();
    } catch {
      return this.reload();
    }
    if (this.#stopped) return;
    this.#release();
    const hls = new Hls(CONFIG);
    this.#hls = hls;
    hls.on(Hls.Events.ERROR, (/** @type {string} */ _, /** @type {{ fatal: boolean, details: string }} */ { fatal, details }) => {
      if (!fatal) return;
      if (UNSUPPORTED.has(details)) this.onUnsupported();
      else this.reload();
    });
    hls.on(Hls.Events.MANIFEST_PARSED, () => begin(this.video, this.onBlocked));
    hls.loadSource(this.url);
    hls.attachMedia(this.video);
  }

  #loadNatively() {
    this.video.onerror = () => this.reload();
    this.video.src = this.url;
    begin(this.video, this.onBlocked);
  }

  #release() {
    clearTimeout(this.#timer);
    this.#hls?.destroy();
    this.#hls = null;
    this.video.onerror = null;
    if (this.video.hasAttribute("src")) {
      this.video.removeAttribute("src");
      this.video.load();
    }
  }
}
