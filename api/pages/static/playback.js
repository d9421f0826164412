// @ts-check
/** Shared by the HLS and WHEP players: the interface of a player, autoplay, and the WHIP/WHEP offer. */

/**
 * A player of one protocol that feeds a video element.
 * @typedef {object} Engine
 * @property {() => void} start
 * @property {() => void} stop
 * @property {() => void} reload
 * @property {() => void} confirmPlaying  called when frames advance
 * @property {() => void} catchUp
 * @property {number | null} latency
 */

const GATHERING_MS = 1_000;

/**
 * Starts playback; calls `onBlocked` if the browser requires a tap first.
 * @param {HTMLVideoElement} video
 * @param {() => void} onBlocked
 */
export function begin(video, onBlocked) {
  video.play().catch((error) => error.name === "NotAllowedError" && onBlocked());
}

/**
 * Resolves at the first ICE candidate. The offer is sent once and needs no others: the media server learns them from the packets that
 * the browser sends.
 * @param {RTCPeerConnection} connection
 * @returns {Promise<void>}
 */
function firstCandidate(connection) {
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
 * Exchanges SDP by WHIP or WHEP: posts the offer, applies the answer. Throws an Error with a text for the user.
 * @param {RTCPeerConnection} connection
 * @param {string | URL} url
 * @param {Record<string, string>} [headers]
 */
export async function offer(connection, url, headers = {}) {
  await connection.setLocalDescription();
  await firstCandidate(connection);
  const body = connection.localDescription?.sdp ?? null;
  const response = await fetch(url, { method: "POST", headers: { "Content-Type": "application/sdp", ...headers }, body });
  if (response.status !== 201) throw new Error(`The media server refused the connection (status ${response.status}). Reload the page and try again.`);
  const sdp = await response.text();
  if (connection.signalingState !== "closed") await connection.setRemoteDescription({ type: "answer", sdp });
}
