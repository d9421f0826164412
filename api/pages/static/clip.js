// @ts-check
/** A video with what lies over and beside it: its owner, its description, reactions. The feed has many, the page of a video one. */

import { avatar, icon, localUrl, make } from "./dom.js";
import { errorPlace, linkButton } from "./forms.js";
import { ago, clock, instant } from "./format.js";
import { personOf, profilePath, verifiedMark } from "./people.js";
import { reactions } from "./reactions.js";
import { showVideo } from "./video_calls.js";
import { Watching } from "./watching.js";

/** @typedef {import("./video_calls.js").FeedItem} FeedItem */
/** @typedef {import("./account.js").Account} Account */

/** Width by height below which a video fills a phone: little of it is cut off. */
const FILLS = 0.7;
/** How far the arrow keys move in a video. */
const SKIP_S = 5;

/** Whether the clips of a page sound: not before the viewer asks for it, because browsers play muted videos only. */
export class Sound {
  on = false;
  /** The viewer has turned it on or off. */
  chosen = false;
  /** @type {(() => void)[]} */ #listeners = [];

  /** @param {() => void} listener */
  listen(listener) {
    this.#listeners.push(listener);
    listener();
  }

  /** @param {boolean} on */
  set(on, chosen = true) {
    this.on = on;
    this.chosen ||= chosen;
    for (const listener of this.#listeners) listener();
  }
}

/**
 * @typedef {object} Options
 * @property {Sound} sound
 * @property {Account} account
 * @property {() => void} showComments
 * @property {(item: FeedItem) => void} [onChange]
 * @property {() => void} onGone  the viewer has deleted the video, or does not want to see it
 */

export class Clip {
  #paused = false;
  #active = false;
  #renewed = false;
  #error = errorPlace();
  /** @type {Sound} */ #sound;
  /** @type {Watching} */ #watching;
  #soundButton = make("button", { type: "button", class: "sound", "aria-keyshortcuts": "m" });
  #surface = make("button", { type: "button", class: "surface", "aria-keyshortcuts": "k" });
  #state = make("div", { class: "state", role: "status" });
  #seek = make("input", { type: "range", class: "seek", min: "0", value: "0", step: "any", "aria-label": "Position", "aria-keyshortcuts": "ArrowLeft ArrowRight" });
  #about = make("div", { class: "about" });
  #whole = linkButton("more", () => this.#unfold(this.#about.classList.toggle("whole")));
  #frame = make("div", { class: "frame" });

  /**
   * @param {FeedItem} item
   * @param {Options} options
   */
  constructor(item, { sound, account, showComments, onChange, onGone }) {
    this.item = item;
    this.#sound = sound;
    const { Video } = item;
    this.video = make("video", { loop: "", playsinline: "", preload: "none", poster: localUrl(Video.thum), tabindex: "-1", "aria-hidden": "true" });
    this.#watching = new Watching(this.video, Video.id);
    this.reactions = reactions(() => this.item, {
      account,
      error: this.#error,
      showComments,
      onChange: (video) => {
        this.update({ ...this.item, Video: { ...this.item.Video, ...video } });
        onChange?.(this.item);
      },
      onGone,
    });
    this.#frame.append(this.video, this.#surface, this.#state, this.#soundButton, this.#about, this.#seek, this.#error);
    this.element = make("article", { class: "clip", "aria-label": `Video by ${item.User.username}` }, this.#frame, this.reactions.element);
    this.#showShape();
    this.#showAbout();
    sound.listen(() => this.#showSound());
    this.#soundButton.addEventListener("click", () => sound.set(!sound.on));
    this.#surface.addEventListener("click", ({ detail }) => this.#press(detail > 0));
    for (const name of ["timeupdate", "durationchange"]) this.video.addEventListener(name, () => this.#showPosition());
    this.#seek.addEventListener("input", () => { this.video.currentTime = Number(this.#seek.value); });
    new ResizeObserver(() => this.#showCut()).observe(this.#frame);
    for (const name of ["play", "playing", "pause", "waiting", "error", "loadeddata"]) this.video.addEventListener(name, () => this.#show());
    this.video.addEventListener("error", () => this.#renew());
    this.video.addEventListener("playing", () => { this.#renewed = false; });
    this.#show();
  }

  get ready() {
    return this.item.Video.upload_state === "ready" && this.item.Video.video !== "";
  }

  get playing() {
    return !this.video.paused;
  }

  /** Loads the beginning of the file. */
  load() {
    if (!this.ready || this.video.hasAttribute("src")) return;
    this.video.preload = "auto";
    const { video, video_small } = this.item.Video;
    this.video.src = localUrl(isSlow() ? video_small : video);
  }

  /** Frees what is loaded: browsers have few decoders. */
  unload() {
    this.leave();
    if (!this.video.hasAttribute("src")) return;
    this.video.removeAttribute("src");
    this.video.load();
  }

  /** The clip is the one that the viewer sees: it plays from its beginning, unless the viewer stops it. */
  async enter() {
    this.#active = true;
    this.#paused = false;
    await this.#play();
  }

  leave() {
    this.#active = false;
    this.video.pause();
    this.#watching.report();
    if (this.video.currentTime > 0) this.video.currentTime = 0;
  }

  /** Stops or continues while the page is hidden. */
  hold(/** @type {boolean} */ hidden) {
    if (hidden) this.video.pause();
    else if (this.#active && !this.#paused) this.#play();
  }

  togglePause() {
    if (!this.ready) return;
    if (this.video.error) {
      this.#renewed = false;
      this.#renew();
      return;
    }
    this.#paused = !this.video.paused;
    if (this.#paused) this.video.pause();
    else this.#play();
  }

  /**
   * What a key of the page does to the clip that the viewer sees.
   * @param {KeyboardEvent} event
   */
  pressKey(event) {
    const { key, target } = event;
    const beside = target instanceof Element && target !== document.body && !this.element.contains(target); // such as a row that scrolls
    if (key === "m") this.#sound.set(!this.#sound.on);
    else if (key === "l") this.reactions.like();
    else if (!beside && (key === "ArrowLeft" || key === "ArrowRight")) this.#skip(key === "ArrowRight" ? SKIP_S : -SKIP_S);
    else if (key === "k" || (key === " " && target === document.body)) this.togglePause();
    else return;
    if (key !== "m" && key !== "l") event.preventDefault();
  }

  /** @param {number} seconds */
  #skip(seconds) {
    const { video } = this;
    if (video.duration) video.currentTime = Math.max(0, Math.min(video.duration - 0.1, video.currentTime + seconds));
  }

  #showPosition() {
    const { currentTime: at } = this.video;
    const length = this.video.duration || this.item.Video.duration;
    this.#seek.max = String(length);
    this.#seek.value = String(at);
    this.#seek.style.setProperty("--done", `${(100 * at) / Math.max(length, 0.1)}%`);
    const text = `${clock(at)} of ${clock(length)}`;
    if (this.#seek.ariaValueText !== text) this.#seek.ariaValueText = text;
  }

  async #play() {
    if (!this.ready) return;
    this.load();
    try {
      await this.video.play();
    } catch (error) {
      if (!(error instanceof DOMException && error.name === "NotAllowedError") || !this.#active) return;
      if (!this.#sound.on) {
        this.#paused = true; // also muted videos need a tap here
        this.#show();
      } else {
        this.#sound.set(false, false);
        await this.#play();
      }
    }
  }

  /** Reads the video again: the address of its file ends after some hours. Once, because the file may be gone. */
  async #renew() {
    if (this.#renewed || !this.video.hasAttribute("src")) return;
    this.#renewed = true;
    try {
      const item = await showVideo(this.item.Video.id);
      this.video.removeAttribute("src");
      this.update(item);
    } catch {
      this.#show(); // says that the video cannot be played
    }
  }

  /**
   * A first tap turns the sound on, the next ones stop and continue.
   * @param {boolean} tap  not a key
   */
  #press(tap) {
    if (tap && this.playing && !this.#sound.on && !this.#sound.chosen) this.#sound.set(true);
    else this.togglePause();
  }

  #showShape() {
    this.#frame.style.setProperty("--ratio", String(ratio(this.item)));
    this.#frame.dataset.shape = ratio(this.item) < FILLS ? "tall" : "wide";
  }

  #showAbout() {
    const { User, Video } = this.item;
    const person = personOf(User);
    const at = instant(Video.created);
    const owner = make("a", { class: "owner", href: profilePath(person) }, avatar(person), make("span", { class: "name" }, make("bdi", {}, person.username), ...verifiedMark(person)));
    const link = make("a", { class: "when", href: `/v/${Video.id}` }, make("time", { datetime: at, title: new Date(at).toLocaleString() }, ago(at)));
    const caption = Video.description ? [make("p", { class: "caption", dir: "auto" }, Video.description), this.#whole] : [];
    this.#about.replaceChildren(make("div", { class: "by" }, owner, link), ...caption);
    this.#about.classList.remove("whole");
    this.#unfold(false);
    this.#showPosition();
  }

  /** @param {boolean} whole  the whole caption is shown */
  #unfold(whole) {
    this.#whole.textContent = whole ? "less" : "more";
    this.#whole.setAttribute("aria-expanded", String(whole));
    const caption = this.#about.querySelector(".caption");
    if (whole) caption?.setAttribute("tabindex", "0"); // a long one scrolls
    else caption?.removeAttribute("tabindex");
    this.#showCut();
  }

  /** Offers the rest of a caption that is cut. */
  #showCut() {
    const caption = this.#about.querySelector(".caption");
    if (caption && !this.#about.classList.contains("whole")) this.#whole.hidden = caption.scrollHeight <= caption.clientHeight + 1;
  }

  #showSound() {
    const { on } = this.#sound;
    this.video.muted = !on;
    const text = on ? "Mute" : "Tap for sound";
    this.#soundButton.replaceChildren(icon(on ? "sound" : "muted"), make("span", { class: on ? "unseen" : "" }, text));
  }

  #show() {
    const { video } = this;
    const { upload_state: state, upload_progress: progress, upload_failure: failure } = this.item.Video;
    this.#surface.setAttribute("aria-label", this.playing ? "Pause" : "Play");
    this.#surface.hidden = this.#soundButton.hidden = this.#seek.hidden = !this.ready;
    const stopped = this.#active && this.#paused && video.paused;
    const waits = this.#active && !stopped && video.readyState < video.HAVE_FUTURE_DATA && !video.error;
    const broken = video.error !== null && video.hasAttribute("src");
    const kind = !this.ready ? state : broken ? "broken" : stopped ? "stopped" : waits ? "loading" : "playing";
    if (this.element?.dataset.state === kind && kind !== "processing") return;
    if (this.element) this.element.dataset.state = kind;
    this.#state.replaceChildren(...{
      processing: () => [make("span", { class: "spinner", "aria-hidden": "true" }), make("h2", {}, "Being processed"), make("p", {}, `${progress < 100 ? `${progress} % done` : "Almost done"}. Only you see it until then.`)],
      failed: () => [make("h2", {}, "This upload cannot be shown"), make("p", { dir: "auto" }, failure)],
      broken: () => [make("p", {}, "This video cannot be played now. Tap to try again.")],
      stopped: () => [icon("play")],
      loading: () => [make("span", { class: "spinner", "aria-hidden": "true" })],
      playing: () => [],
      ready: () => [],
    }[kind]());
  }

  /**
   * Shows what has changed: an upload is processed, or its owner has edited it.
   * @param {FeedItem} item
   */
  update(item) {
    this.item = item;
    this.video.poster = localUrl(item.Video.thum);
    this.#showShape();
    this.#showAbout();
    this.#show();
    if (this.#active && !this.#paused) this.#play();
  }
}

/**
 * Width by height. Portrait if the server does not know it yet.
 * @param {FeedItem} item
 */
const ratio = ({ Video: { width, height } }) => (width > 0 && height > 0 ? width / height : 9 / 16);

/** Whether the network is slow, or the viewer saves data. Not every browser tells. */
function isSlow() {
  const { connection } = /** @type {{ connection?: { saveData?: boolean, effectiveType?: string } }} */ (navigator);
  return connection?.saveData === true || /[23]g$/.test(connection?.effectiveType ?? "");
}

/**
 * Whether a key is meant for the page: nothing is typed, and no dialog is open.
 * @param {KeyboardEvent} event
 */
export function isForPage({ target, ctrlKey, metaKey, altKey }) {
  if (ctrlKey || metaKey || altKey || document.querySelector("dialog:modal")) return false;
  const types = target instanceof HTMLInputElement && target.type !== "range";
  return !(types || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement);
}
