// @ts-check
/** What every way of playing shares. */

/**
 * A way to get a stream into a video element.
 * @typedef {object} Engine
 * @property {() => void} start
 * @property {() => void} stop
 * @property {() => void} reload
 * @property {() => void} proven  pictures have come
 * @property {() => void} catchUp
 * @property {number | null} latency
 */

const GATHERING_MS = 1_000;

/**
 * Play; a browser that wants a tap first says so.
 * @param {HTMLVideoElement} video
 * @param {() => void} onBlocked
 */
export function begin(video, onBlocked) {
  video.play().catch((error) => error.name === "NotAllowedError" && onBlocked());
}

/**
 * Until the connection knows an address of its own, for an offer that goes out once. It need not know all: the media server learns the
 * others from where we speak to it.
 * @param {RTCPeerConnection} connection
 * @returns {Promise<void>}
 */
export function hasAddress(connection) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, GATHERING_MS);
    const found = () => {
      clearTimeout(timer);
      resolve();
    };
    connection.addEventListener("icecandidate", found, { once: true });
  });
}
