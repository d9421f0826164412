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
function hasAddress(connection) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, GATHERING_MS);
    const found = () => {
      clearTimeout(timer);
      resolve();
    };
    connection.addEventListener("icecandidate", found, { once: true });
  });
}

/**
 * The exchange of WHIP and WHEP: one offer, one answer. Throws an error with a sentence.
 * @param {RTCPeerConnection} connection
 * @param {string | URL} url
 * @param {Record<string, string>} [headers]
 */
export async function offer(connection, url, headers = {}) {
  await connection.setLocalDescription();
  await hasAddress(connection);
  const body = connection.localDescription?.sdp ?? null;
  const response = await fetch(url, { method: "POST", headers: { "Content-Type": "application/sdp", ...headers }, body });
  if (response.status !== 201) throw new Error(`The media server refused the connection (${response.status}).`);
  const sdp = await response.text();
  if (connection.signalingState !== "closed") await connection.setRemoteDescription({ type: "answer", sdp });
}
