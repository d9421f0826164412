// @ts-check
/** The watch page: plays one stream and shows its state, figures and gifts. */

import { Account } from "./account.js";
import { ambience } from "./ambience.js";
import { addLine, avatar, figureRows, find, icon, make, tint } from "./dom.js";
import { clock, compact, since } from "./format.js";
import { GiftPanel } from "./gift_panel.js";
import { GiftShow, giftLine } from "./gift_show.js";
import { FORBIDDEN, LiveSocket, NO_SUCH_STREAM, SIGN_IN } from "./live_socket.js";
import { Player } from "./player.js";
import { stageState } from "./stage_state.js";
import { TopGivers } from "./top_givers.js";

/**
 * @typedef {{ id: number, title: string, status: string, public: boolean, started_at: string | null, playback_url: string, whep_url: string,
 *   host: { user_id: number, username: string, name: string, profile_pic: string, verified: boolean },
 *   summary: import("./live_socket.js").Summary | null }} Watched
 */

const FEED_LINES = 40;
const VOLUME_STEP = 0.1;

const root = find("#watch", HTMLElement);
/** @type {Watched} */
const watched = JSON.parse(root.dataset.watched ?? "");
const stage = find(".stage", HTMLElement);
const video = find("video", HTMLVideoElement);
const overlay = find(".state", HTMLElement);
const feed = find(".feed", HTMLElement);
const panel = find("#panel", HTMLElement);
const sound = find("#sound", HTMLButtonElement);
const low = find("#low", HTMLButtonElement);
const gifts = find("#gifts", HTMLButtonElement);
const host = find(".host", HTMLButtonElement);
const fullscreen = find("#fullscreen", HTMLButtonElement);

/** @type {import("./stage_state.js").Known} */
const known = {
  status: watched.status,
  player: "idle",
  connection: "connecting",
  closedFor: 0,
  offline: !navigator.onLine,
  host: watched.host.name || watched.host.username,
  open: watched.public,
  paused: false,
  summary: watched.summary,
};
let startedAt = watched.started_at;

const player = new Player(video, find(".still", HTMLCanvasElement), watched, (state) => {
  known.player = state;
  low.setAttribute("aria-pressed", String(player.lowLatency));
  showSound();
  show();
});
const account = new Account();
const socket = new LiveSocket(watched.id, {
  hello({ stream, recovered }) {
    startedAt = stream.started_at;
    if (!recovered) feed.replaceChildren();
    setStatus(stream.status);
    showFigures(stream);
  },
  gift(gift, _at, missed) {
    addLine(feed, giftLine(gift), FEED_LINES);
    if (!missed) giftShow.add(gift);
  },
  status(status, at) {
    if (status.summary) known.summary = status.summary;
    if (status.status === "live") startedAt ??= at;
    setStatus(status.status, true);
  },
  stats(stats) {
    showFigures(stats);
  },
  connection(connection, code) {
    known.connection = connection;
    if (connection === "open" || connection === "closed") known.closedFor = code;
    if ((code === SIGN_IN || code === FORBIDDEN) && account.user) account.refresh();
    if (code === FORBIDDEN || code === NO_SUCH_STREAM) player.hold();
    show();
  },
});
const giftShow = new GiftShow(find(".banners", HTMLElement), find(".spotlight", HTMLElement), find("#announcer", HTMLElement));
const topGivers = new TopGivers(panel, watched.id, () => account.user?.user_id);
const giftPanel = new GiftPanel(panel, account, watched.host.user_id, (frame) => socket.send(frame));

/**
 * @param {string} status
 * @param {boolean} [isEvent]  a status event, perhaps of a new publisher; false for a snapshot
 */
function setStatus(status, isEvent = false) {
  const before = known.status;
  known.status = status;
  if (status === "live" && watched.public && !known.paused && (isEvent || before !== "live" || player.state === "idle")) player.play();
  if (status === "interrupted" || status === "ended") player.hold();
  if (status === "ended") {
    giftPanel.end();
    if (known.summary) showCoins(known.summary.coins);
  }
  show();
}

function show() {
  const state = stageState(known);
  root.dataset.state = state?.kind ?? "playing";
  if (overlay.dataset.kind === (state?.kind ?? "") && overlay.dataset.title === (state?.title ?? "")) return;
  overlay.dataset.kind = state?.kind ?? "";
  overlay.dataset.title = state?.title ?? "";
  overlay.replaceChildren(...(state ? overlayContent(state) : []));
}

/** @param {import("./stage_state.js").StageState} state */
function overlayContent(state) {
  const parts = [];
  if (state.kind === "loading" || state.kind === "reconnecting" || state.kind === "waiting") {
    parts.push(make("span", { class: "spinner", "aria-hidden": "true" }));
  }
  if (state.kind === "blocked") {
    const start = make("button", { type: "button", class: "play", "aria-label": "Play" }, icon("play"));
    start.addEventListener("click", () => (known.paused ? pause(false) : player.resume()));
    parts.push(start);
  }
  if (state.kind === "waiting" || state.kind === "ended") parts.unshift(avatar(watched.host));
  if (state.title) parts.push(make("h2", { dir: "auto" }, state.title));
  else if (state.kind === "loading") parts.push(make("span", { class: "unseen" }, "Loading"));
  if (state.text) parts.push(make("p", { dir: "auto" }, state.text));
  if (state.figures?.length) {
    parts.push(make("dl", { class: "figures" }, ...figureRows(state.figures)));
  }
  if (state.kind === "ended") parts.push(make("a", { class: "button", href: "/" }, "See what is live"));
  return parts;
}

/** @param {import("./live_socket.js").Figures} figures */
function showFigures({ viewers, coins: sum, top_gifters: gifters }) {
  for (const element of document.querySelectorAll(".viewer-count")) element.textContent = compact(viewers);
  showCoins(sum);
  topGivers.follow(sum, gifters);
}

/** @param {number} sum */
function showCoins(sum) {
  find(".coin-count", HTMLElement).textContent = compact(sum);
}

function tick() {
  const text = known.status === "live" && startedAt ? clock(since(startedAt)) : "";
  for (const element of document.querySelectorAll(".timer")) element.textContent = text;
}

/** @param {boolean} muted */
function mute(muted) {
  video.muted = muted;
  showSound();
}

function showSound() {
  const { muted } = video;
  const text = player.silent ? "No sound in low latency for this stream" : muted ? "Tap for sound" : "Mute";
  if (sound.textContent === text) return;
  sound.classList.toggle("silent", player.silent);
  sound.replaceChildren(icon(player.silent || muted ? "muted" : "sound"), make("span", { class: text === "Mute" ? "unseen" : "" }, text));
}

/** @param {boolean} paused */
function pause(paused) {
  if (known.status !== "live" || !watched.public) return;
  known.paused = paused;
  if (paused) player.hold();
  else player.play();
  show();
}

function pictureInPicture() {
  const done = document.pictureInPictureElement ? document.exitPictureInPicture() : video.requestPictureInPicture?.();
  done?.catch(() => undefined);
}

/** @param {boolean} open */
function openPanel(open) {
  if (open === root.classList.contains("panel-open")) return;
  root.classList.toggle("panel-open", open);
  gifts.setAttribute("aria-expanded", String(open));
  (open ? panel : gifts).focus({ preventScroll: true });
}

function prepare() {
  new ResizeObserver(() => root.style.setProperty("--sheet", `${panel.offsetHeight}px`)).observe(panel);
  tint(stage, watched.host.user_id);
  for (const place of document.querySelectorAll(".host-avatar")) place.replaceChildren(avatar(watched.host));
  if (!document.fullscreenEnabled) fullscreen.hidden = true;
  if (!("RTCPeerConnection" in window)) low.hidden = true;
  mute(true);
}

sound.addEventListener("click", () => {
  if (player.silent) {
    player.setLowLatency(false);
    return mute(false);
  }
  mute(!video.muted);
  if (known.player === "blocked") player.resume();
});
low.addEventListener("click", () => player.setLowLatency(!player.lowLatency));
fullscreen.addEventListener("click", () => {
  const done = document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen();
  done.catch(() => undefined);
});
host.addEventListener("click", () => host.setAttribute("aria-expanded", String(host.getAttribute("aria-expanded") !== "true")));
gifts.addEventListener("click", () => openPanel(!root.classList.contains("panel-open")));
find("#close-panel", HTMLButtonElement).addEventListener("click", () => openPanel(false));
video.addEventListener("click", () => openPanel(false));
addEventListener("keydown", (event) => {
  if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement || account.dialog.open || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") openPanel(false);
  if (event.key === "m") sound.click();
  if (event.key === "f") fullscreen.click();
  if (event.key === "p") pictureInPicture();
  if (event.key === "k" || (event.key === " " && (event.target === document.body || event.target === panel))) {
    event.preventDefault();
    pause(!known.paused);
  }
  const louder = { ArrowUp: VOLUME_STEP, ArrowDown: -VOLUME_STEP }[event.key];
  if (louder && event.target === document.body) video.volume = Math.min(1, Math.max(0, video.volume + louder));
});
video.addEventListener("resize", () => {
  stage.dataset.shape = video.videoWidth > video.videoHeight ? "wide" : "tall";
});
for (const name of ["online", "offline"]) {
  addEventListener(name, () => {
    known.offline = name === "offline";
    show();
  });
}
let identity = /** @type {number | null | undefined} */ (undefined);
account.onChange((user) => {
  const id = user?.user_id ?? null;
  if (identity !== undefined && identity !== id) {
    if (known.status !== "ended") socket.reopen();
    topGivers.load();
  }
  identity = id;
});

prepare();
if (new URLSearchParams(location.search).has("low")) player.setLowLatency(true);
setStatus(watched.status);
if (watched.status === "ended") topGivers.load();
else socket.open();
account.refresh();
giftPanel.load();
if (giftPanel.comeBack()) openPanel(true);
ambience(video, find(".glow", HTMLCanvasElement));
setInterval(tick, 1_000);
tick();
