// @ts-check
/** Instructions for publishing: a tab for each kind of encoder, with lines to copy. The key is masked until it is revealed. */

import { button, icon, make, withIcon } from "./dom.js";

/** @typedef {import("./api.js").OwnStream} OwnStream */
/** @typedef {{ label: string, value: string, secret?: boolean }} Line */
/** @typedef {{ id: string, title: string, steps: string, lines: Line[], code?: boolean }} PublishWay */

const MASK = "•".repeat(12);
const COPIED_MS = 1_800;

/**
 * @param {OwnStream} stream
 * @returns {[PublishWay, ...PublishWay[]]}
 */
export function publishWays(stream) {
  return [
    { id: "phone", title: "Phone", code: true,
      steps: "In Larix Broadcaster (iOS, Android), scan the code or add a connection with this address. On the phone itself, show the key and open the app from here.",
      lines: [{ label: "Address", value: stream.rtmp_url, secret: true }] },
    { id: "obs", title: "OBS",
      steps: "Settings → Stream → Service: Custom. Keyframe interval 1 s, x264 tune zerolatency, 0 B-frames.",
      lines: [{ label: "Server", value: stream.rtmp_server }, { label: "Stream key", value: stream.stream_key, secret: true }] },
    { id: "ffmpeg", title: "ffmpeg",
      steps: "This command sends a test picture with a tone. Replace the inputs with your own.",
      lines: [{ label: "Command", value: ffmpeg(stream.rtmp_url), secret: true }] },
    { id: "more", title: "WHIP, SRT",
      steps: "For browsers, GStreamer and hardware encoders.",
      lines: [{ label: "WHIP", value: stream.whip_url, secret: true }, { label: "SRT", value: stream.srt_url, secret: true }] },
  ];
}

/** @param {string} url */
function ffmpeg(url) {
  return "ffmpeg -re -f lavfi -i testsrc2=size=720x1280:rate=30 -f lavfi -i sine=beep_factor=4 -pix_fmt yuv420p"
    + ` -c:v libx264 -preset veryfast -tune zerolatency -g 30 -c:a aac -f flv '${url}'`;
}

/**
 * A link that sets up Larix Broadcaster on this device. The QR code does the same on the device that scans it.
 * @param {OwnStream} stream
 */
function larix({ rtmp_url, title }) {
  const connection = { url: rtmp_url, name: title || "Stagedoor", overwrite: "on" };
  return `larix://set/v1?${Object.entries(connection).map(([name, value]) => `conn[][${name}]=${encodeURIComponent(value)}`).join("&")}`;
}

export class PublishWays {
  #revealed = false;
  #chosen = "phone";
  /** @type {OwnStream | null} */ #stream = null;

  /**
   * @param {HTMLElement} tabs
   * @param {HTMLElement} body
   * @param {HTMLButtonElement} reveal
   * @param {HTMLElement} announcer  a live region
   */
  constructor(tabs, body, reveal, announcer) {
    this.tabs = tabs;
    this.body = body;
    this.reveal = reveal;
    this.announcer = announcer;
    reveal.addEventListener("click", () => this.#toggleKey());
    tabs.addEventListener("keydown", (event) => this.#chooseByKey(event));
  }

  /** @param {OwnStream} stream */
  show(stream) {
    if (stream.id !== this.#stream?.id) this.#revealed = false;
    this.#stream = stream;
    this.#show();
  }

  /** Removes the key from the page. */
  clear() {
    this.#stream = null;
    this.tabs.replaceChildren();
    this.body.replaceChildren();
  }

  #toggleKey() {
    this.#revealed = !this.#revealed;
    this.#show();
  }

  #show() {
    if (!this.#stream) return;
    const ways = publishWays(this.#stream);
    this.tabs.replaceChildren(...ways.map((way) => {
      const tab = button(way.title, () => this.#choose(way.id), "tab");
      tab.id = `tab-${way.id}`;
      const chosen = way.id === this.#chosen;
      for (const [name, value] of Object.entries({ role: "tab", "aria-selected": String(chosen), "aria-controls": "way", tabindex: chosen ? "0" : "-1" })) {
        tab.setAttribute(name, value);
      }
      return tab;
    }));
    const way = ways.find(({ id }) => id === this.#chosen) ?? ways[0];
    this.body.setAttribute("aria-labelledby", `tab-${way.id}`);
    this.body.replaceChildren(make("p", { class: "hint" }, way.steps), ...way.lines.map((line) => this.#line(line)), ...(way.code ? this.#codes() : []));
    this.reveal.replaceChildren(withIcon(this.#revealed ? "hide" : "eye", this.#revealed ? "Hide key" : "Show key"));
  }

  /** @param {string} id */
  #choose(id) {
    this.#chosen = id;
    this.#show();
    document.getElementById(`tab-${id}`)?.focus();
  }

  /** @param {KeyboardEvent} event */
  #chooseByKey(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const ids = [...this.tabs.children].map((tab) => tab.id.replace("tab-", ""));
    this.#choose(ids[(ids.indexOf(this.#chosen) + step + ids.length) % ids.length] ?? this.#chosen);
  }

  /** @param {Line} line */
  #line({ label, value, secret }) {
    const shown = secret && !this.#revealed ? value.replace(/(token=|::)[\w-]+/, `$1${MASK}`) : value;
    const copy = button("", async () => {
      const done = await copied(value);
      copy.replaceChildren(withIcon("check", done ? "Copied" : "Not copied"));
      copy.focus();
      this.announcer.textContent = `${label}: ${done ? "copied" : "not copied. Select the text and copy it yourself"}.`;
      setTimeout(ready, COPIED_MS);
    }, "button quiet copy");
    const ready = () => {
      copy.replaceChildren(withIcon("copy", "Copy"), make("span", { class: "unseen" }, label.toLowerCase()));
      this.announcer.textContent = "";
    };
    ready();
    return make("div", { class: "copyable" }, make("span", { class: "label" }, label), make("code", { tabindex: "0" }, shown), copy);
  }

  #codes() {
    const watch = make("figure", {}, make("img", { src: `/studio/watch.svg?${this.#stream?.id}`, alt: "QR code of the watch page", width: "160", height: "160" }),
      make("figcaption", {}, "To watch"));
    const publish = this.#revealed
      ? make("img", { src: `/studio/phone.svg?${Date.now()}`, alt: "QR code that sets up Larix Broadcaster", width: "160", height: "160" })
      : this.#hiddenCode();
    const app = make("a", { class: "button", href: this.#revealed && this.#stream ? larix(this.#stream) : "#" }, "Open in Larix Broadcaster");
    return [...(this.#revealed ? [app] : []), make("div", { class: "codes" }, make("figure", {}, publish, make("figcaption", {}, "To publish: scan with the phone")), watch)];
  }

  #hiddenCode() {
    const veil = button("", () => {
      this.#toggleKey();
      this.reveal.focus();
    }, "veiled");
    veil.append(icon("hide"), make("span", {}, "Show the code"), make("span", { class: "hint" }, "It contains the key"));
    return veil;
  }
}

/**
 * Copies to the clipboard; resolves to whether that worked.
 * @param {string} value
 */
async function copied(value) {
  try {
    await navigator.clipboard.writeText(value);
    return true;
  } catch {
    return copyBySelection(value);
  }
}

/**
 * Copies by selecting a text area: pages loaded over plain http have no `navigator.clipboard`.
 * @param {string} value
 */
function copyBySelection(value) {
  const area = make("textarea", { class: "unseen", readonly: "" });
  area.value = value;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
