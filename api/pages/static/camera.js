// @ts-check
/** Going live from this very browser: its camera and microphone, sent by WHIP. */

import { offer } from "./playback.js";

const PICTURE = { width: { ideal: 720 }, height: { ideal: 1280 }, frameRate: { ideal: 30 } };
const BITRATE_BPS = 2_500_000;

export class Camera {
  /** @type {MediaStream | null} */ #media = null;
  /** @type {RTCPeerConnection | null} */ #connection = null;
  /** @type {"user" | "environment"} */ facing = "user";
  muted = false;

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

  /** What it films, sent or not. */
  get media() {
    return this.#media;
  }

  get hasSound() {
    return Boolean(this.#media?.getAudioTracks().length);
  }

  /** Films and sends nothing yet. Throws an error with a sentence. */
  async open() {
    this.stop();
    this.#take(await filmed(this.facing));
  }

  /** The other camera, also while it sends. Throws an error with a sentence, and then goes on with the one that it has. */
  async turn() {
    const before = this.#media;
    if (!before) return;
    const facing = this.facing === "user" ? "environment" : "user";
    for (const track of before.getVideoTracks()) track.stop(); // many phones open one camera at a time
    let turned;
    try {
      turned = await picture({ video: { ...PICTURE, facingMode: { exact: facing } } });
      this.facing = facing;
    } catch {
      turned = await picture({ video: { ...PICTURE, facingMode: this.facing } }).catch((error) => {
        this.stop();
        throw error;
      });
    }
    const [track] = turned.getVideoTracks();
    if (!track || this.#media !== before) return track?.stop();
    this.#take(new MediaStream([track, ...before.getAudioTracks()]));
    for (const sender of this.#connection?.getSenders() ?? []) {
      if (sender.track?.kind === "video") await sender.replaceTrack(track);
    }
    if (this.facing !== facing) throw new Error("There is no other camera here.");
  }

  /** @param {boolean} muted */
  mute(muted) {
    this.muted = muted;
    for (const track of this.#media?.getAudioTracks() ?? []) track.enabled = !muted;
  }

  /** @param {MediaStream} media */
  #take(media) {
    this.#media = media;
    for (const track of media.getTracks()) {
      track.onended = () => this.#media === media && this.#lost();
    }
    this.mute(this.muted);
  }

  /**
   * Sends what it films. Throws an error with a sentence. The key goes into a header: addresses are written down in more places.
   * @param {string} whipUrl
   */
  async start(whipUrl) {
    const media = this.#media;
    if (!media) return;
    const address = new URL(whipUrl);
    const key = address.searchParams.get("token") ?? "";
    address.searchParams.delete("token");
    const connection = new RTCPeerConnection();
    this.#connection = connection;
    try {
      for (const track of media.getTracks()) {
        const transceiver = connection.addTransceiver(track, { direction: "sendonly", streams: [media],
          sendEncodings: track.kind === "video" ? [{ maxBitrate: BITRATE_BPS }] : undefined });
        if (track.kind === "video") preferH264(transceiver);
      }
      connection.onconnectionstatechange = () => this.#connection === connection && connection.connectionState === "failed" && this.#lost();
      await offer(connection, address, { Authorization: `Bearer ${key}` });
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

  #lost() {
    this.stop();
    this.onLost();
  }
}

/**
 * Camera and microphone; the camera alone where there is no microphone.
 * @param {string} facing
 */
async function filmed(facing) {
  const video = { ...PICTURE, facingMode: facing };
  try {
    return await navigator.mediaDevices.getUserMedia({ video, audio: { echoCancellation: true } });
  } catch {
    return await picture({ video });
  }
}

/** @param {MediaStreamConstraints} wanted */
async function picture(wanted) {
  try {
    return await navigator.mediaDevices.getUserMedia(wanted);
  } catch (error) {
    const name = /** @type {DOMException} */ (error).name;
    if (name === "NotAllowedError") throw new Error("The browser was not allowed to use the camera.");
    throw new Error(name === "NotReadableError" ? "Another program is using the camera." : "There is no camera here.");
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
