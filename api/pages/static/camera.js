// @ts-check
/** Publishing from the browser: captures camera and microphone, and sends them by WHIP. */

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

  /** The captured media, published or not. */
  get media() {
    return this.#media;
  }

  get hasSound() {
    return Boolean(this.#media?.getAudioTracks().length);
  }

  /** Opens camera and microphone without publishing. Throws an Error with a text for the user. */
  async open() {
    this.stop();
    this.#use(await cameraAndMicrophone(this.facing));
  }

  /** Switches between front and rear camera, also while publishing. If that fails, keeps the current camera and throws an Error for the user. */
  async switchCamera() {
    const before = this.#media;
    if (!before) return;
    const facing = this.facing === "user" ? "environment" : "user";
    for (const track of before.getVideoTracks()) track.stop(); // many phones open one camera at a time
    let other;
    try {
      other = await requestMedia({ video: { ...PICTURE, facingMode: { exact: facing } } });
      this.facing = facing;
    } catch {
      other = await requestMedia({ video: { ...PICTURE, facingMode: this.facing } }).catch((error) => {
        this.stop();
        throw error;
      });
    }
    const [track] = other.getVideoTracks();
    if (!track || this.#media !== before) return track?.stop();
    this.#use(new MediaStream([track, ...before.getAudioTracks()]));
    for (const sender of this.#connection?.getSenders() ?? []) {
      if (sender.track?.kind === "video") await sender.replaceTrack(track);
    }
    if (this.facing !== facing) throw new Error("This device has no other camera.");
  }

  /** @param {boolean} muted */
  mute(muted) {
    this.muted = muted;
    for (const track of this.#media?.getAudioTracks() ?? []) track.enabled = !muted;
  }

  /** @param {MediaStream} media */
  #use(media) {
    this.#media = media;
    for (const track of media.getTracks()) {
      track.onended = () => this.#media === media && this.#lost();
    }
    this.mute(this.muted);
  }

  /**
   * Publishes the captured media. Throws an Error with a text for the user. The key is sent in a header, because URLs are logged in more places.
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
    this.#connection?.close(); // the server notices: no DELETE request is needed
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
 * Captures camera and microphone, or the camera alone if there is no microphone.
 * @param {string} facing
 */
async function cameraAndMicrophone(facing) {
  const video = { ...PICTURE, facingMode: facing };
  try {
    return await navigator.mediaDevices.getUserMedia({ video, audio: { echoCancellation: true } });
  } catch {
    return await requestMedia({ video });
  }
}

/** @param {MediaStreamConstraints} wanted */
async function requestMedia(wanted) {
  try {
    return await navigator.mediaDevices.getUserMedia(wanted);
  } catch (error) {
    const name = /** @type {DOMException} */ (error).name;
    if (name === "NotAllowedError") throw new Error("Camera access is blocked. Allow it in the browser's settings for this page.");
    throw new Error(name === "NotReadableError" ? "Another program is using the camera. Close it and try again." : "No camera found. Connect one and try again.");
  }
}

/**
 * Prefers H264: browsers would choose VP8, which HLS, the usual way to watch, cannot carry.
 * @param {RTCRtpTransceiver} transceiver
 */
function preferH264(transceiver) {
  const codecs = RTCRtpSender.getCapabilities("video")?.codecs ?? [];
  const h264 = codecs.filter(({ mimeType }) => mimeType === "video/H264");
  const rest = codecs.filter(({ mimeType }) => mimeType !== "video/H264" && mimeType !== "video/VP8");
  if (h264.length) transceiver.setCodecPreferences([...h264, ...rest]);
}
