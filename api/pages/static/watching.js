// @ts-check
/** Measures how long a video plays, and tells the server when the viewer leaves it. */

/** Less than this is scrolling past. */
const LEAST_S = 1;

export class Watching {
  #seconds = 0;
  #since = 0;

  /**
   * @param {HTMLVideoElement} video
   * @param {number} videoId
   */
  constructor(video, videoId) {
    this.videoId = videoId;
    video.addEventListener("playing", () => {
      this.#stop();
      this.#since = performance.now();
    });
    for (const name of ["pause", "waiting", "emptied"]) video.addEventListener(name, () => this.#stop());
    addEventListener("pagehide", () => this.report());
  }

  report() {
    this.#stop();
    const duration = Math.round(this.#seconds * 10) / 10;
    this.#seconds = 0;
    if (duration < LEAST_S) return;
    const body = JSON.stringify({ watch_videos: [{ video_id: this.videoId, duration }] });
    // keepalive: the browser sends it although the page is left
    fetch("/api/watchVideo", { method: "POST", headers: { "Content-Type": "application/json" }, body, keepalive: true }).catch(() => undefined);
  }

  #stop() {
    if (this.#since) this.#seconds += (performance.now() - this.#since) / 1000;
    this.#since = 0;
  }
}
