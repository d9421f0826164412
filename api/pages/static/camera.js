// @ts-check
/** Going live from this very browser: its camera and microphone, sent by WHIP. */

import { hasAddress } from "./playback.js";

const PICTURE = { width: { ideal: 720 }, height: { ideal: 1280 }, frameRate: { ideal: 30 }, facingMode: "user" };
const BITRATE_BPS = 2_500_000;

export class Camera {
  /** @type {MediaStream | null} */ #media = null;
  /** @type {RTCPeerConnection | null} */ #connection = null;

  /** @param {() => void} onLost */
  constructor(onLost) {
    this.onLost = onLost;
  }

  static get possible() {
    return Boolean(navigator.mediaDevices?.getUserMedia) && "RTCPeerConnection" in window;
  }

  get on() {
    return this.#connection !== null;
  }

  /**
   * Throws an error with a sentence. The key goes into a header: addresses are written down in more places.
   * @param {string} whipUrl
   */
  async start(whipUrl) {
    this.stop();
    const address = new URL(whipUrl);
    const key = address.searchParams.get("token") ?? "";
    address.searchParams.delete("token");
    const media = await picture();
    this.#media = media;
    const connection = new RTCPeerConnection();
    this.#connection = connection;
    try {
      for (const track of media.getTracks()) {
        const transceiver = connection.addTransceiver(track, { direction: "sendonly", streams: [media],
          sendEncodings: track.kind === "video" ? [{ maxBitrate: BITRATE_BPS }] : undefined });
        if (track.kind === "video") preferH264(transceiver);
        track.addEventListener("ended", () => this.#lost(connection));
      }
      connection.onconnectionstatechange = () => connection.connectionState === "failed" && this.#lost(connection);
      await connection.setLocalDescription();
      await hasAddress(connection);
      const response = await fetch(address, {
        method: "POST",
        headers: { "Content-Type": "application/sdp", Authorization: `Bearer ${key}` },
        body: connection.localDescription?.sdp,
      });
      if (response.status !== 201) throw new Error(`The media server refused the camera (${response.status}).`);
      await connection.setRemoteDescription({ type: "answer", sdp: await response.text() });
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  stop() {
    this.#connection?.close(); // the server hears it from the connection itself
    this.#connection = null;
    for (const track of this.#media?.getTracks() ?? []) track.stop();
    this.#media = null;
  }

  /** @param {RTCPeerConnection} connection */
  #lost(connection) {
    if (this.#connection !== connection) return;
    this.stop();
    this.onLost();
  }
}

async function picture() {
  try {
    return await navigator.mediaDevices.getUserMedia({ video: PICTURE, audio: { echoCancellation: true } });
  } catch (error) {
    const name = /** @type {DOMException} */ (error).name;
    throw new Error(name === "NotAllowedError" ? "The browser was not allowed to use the camera." : "There is no camera and microphone here.");
  }
}

/**
 * HLS, which most viewers watch, carries H264 and not the VP8 that browsers would choose.
 * @param {RTCRtpTransceiver} transceiver
 */
function preferH264(transceiver) {
  const codecs = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
  const h264 = codecs.filter(({ mimeType }) => mimeType === "video/H264");
  const rest = codecs.filter(({ mimeType }) => mimeType !== "video/H264" && mimeType !== "video/VP8");
  if (h264.length) transceiver.setCodecPreferences([...h264, ...rest]);
}
