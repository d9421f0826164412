// @ts-check
/** The studio: go live, watch the state of the own stream, end it. */

import { Account } from "./account.js";
import { Refused, currentStream, liveStream, messageOf } from "./api.js";
import { Camera } from "./camera.js";
import { showCoinHistory } from "./coin_history.js";
import { addLine, figureRows, find, whileDisabled, make } from "./dom.js";
import { clock, since } from "./format.js";
import { giftLine } from "./gift_show.js";
import { ENDED, FORBIDDEN, LiveSocket, SIGN_IN } from "./live_socket.js";
import { Player } from "./player.js";
import { PublishWays } from "./publish_ways.js";
import { figures as summaryFigures } from "./stage_state.js";

/** @typedef {import("./api.js").OwnStream} OwnStream */
/** @typedef {import("./live_socket.js").Summary} Summary */

const FEED_LINES = 50;
const PLAYING_EVERY_MS = 5_000;
const RETRY_MS = 4_000;
/** @type {Record<string, [title: string, text: string]>} */
const STATES = {
  created: ["Waiting for your picture", "Send it in one of the ways on this page. You are live when the first picture arrives."],
  live: ["You are live", ""],
  interrupted: ["Reconnecting…", "Your picture no longer arrives. Send again with the same key to resume."],
};

/** @type {[title: string, text: string]} */
const NEW_KEY = ["New key created", "Enter it in your encoder: the old key no longer works."];

const guest = find("#guest", HTMLElement);
const start = find("#start", HTMLElement);
const desk = find("#desk", HTMLElement);
const over = find("#over", HTMLElement);
const form = find("#go-live", HTMLFormElement);
const formError = find("#go-live .error", HTMLElement);
const unreached = find("#unreached", HTMLElement);
const already = find("#already", HTMLElement);
const state = find("#state", HTMLElement);
const deskError = find("#desk-error", HTMLElement);
const cameraButton = find("#camera", HTMLButtonElement);
const cameraError = find("#camera-error", HTMLElement);
const cameraBox = find("#camera-box", HTMLElement);
const cameraSend = find("#camera-send", HTMLButtonElement);
const cameraTurn = find("#camera-turn", HTMLButtonElement);
const cameraMute = find("#camera-mute", HTMLButtonElement);
const cameraFlip = find("#camera-flip", HTMLButtonElement);
const mirror = find("#mirror", HTMLVideoElement);
const media = find("#media", HTMLElement);
const feed = find("#feed", HTMLElement);
const coins = find("#coins", HTMLElement);
const confirmation = find("#confirm", HTMLDialogElement);

const LOOPBACK = /^(localhost$|127\.|\[::1\]$)/;

/** @type {OwnStream | null} */ let stream = null;
/** @type {LiveSocket | null} */ let socket = null;
/** @type {Player | null} */ let player = null;
/** @type {string | null} */ let startedAt = null;
let status = "created";
/** The key was changed, and no publisher has connected with the new one yet. */
let keyChanged = false;
let retryTimer = 0;

const account = new Account();
const ways = new PublishWays(find("#tabs", HTMLElement), find("#way", HTMLElement), find("#reveal", HTMLButtonElement),
  find("#announcer", HTMLElement));
const camera = new Camera(() => showCamera("The camera was disconnected."));

/**
 * Shows one section and hides the others. Moves the focus to its heading, except when the page has just loaded.
 * @param {HTMLElement} shown
 */
function showSection(shown) {
  const parts = [guest, start, desk, over];
  const first = parts.every((part) => part.hidden);
  for (const part of parts) part.hidden = part !== shown;
  showCoins();
  if (!first) find("h2", HTMLElement, shown).focus();
}

/** Shows the coins as they are now. A broadcast goes on without them if they cannot be read. */
async function showCoins() {
  coins.hidden = !account.user;
  if (account.user) await showCoinHistory(find(".body", HTMLElement, coins)).catch(() => { coins.hidden = true; });
}

/** @param {boolean} reached */
function showReachable(reached) {
  unreached.hidden = reached;
}

/**
 * Shows an error. If the session has ended, the sign-in form appears.
 * @param {unknown} error
 * @param {HTMLElement} place
 */
function showError(error, place) {
  place.textContent = messageOf(error);
  if (error instanceof Refused && error.status === 401) account.refresh();
}

/**
 * @param {OwnStream} own
 * @param {boolean} [found]  it was already running when the user pressed “Go live”
 */
function openStream(own, found = false) {
  closeStream();
  already.hidden = !found;
  stream = own;
  status = "created";
  keyChanged = false;
  startedAt = null;
  const title = find("#title", HTMLElement);
  title.textContent = title.title = own.title || `${account.user?.username ?? "You"} live`;
  for (const link of document.querySelectorAll("a.watch-link")) link.setAttribute("href", `/watch/${own.id}`);
  ways.show(own);
  player = new Player(find("#preview video", HTMLVideoElement), find("#preview .still", HTMLCanvasElement), own, () => undefined);
  socket = new LiveSocket(own.id, {
    hello({ stream: snapshot, recovered }) {
      startedAt = snapshot.started_at;
      if (!recovered) feed.replaceChildren();
      setStatus(snapshot.status);
      showFigures(snapshot);
    },
    gift(gift) {
      addLine(feed, giftLine(gift), FEED_LINES);
      find("#no-gifts", HTMLElement).hidden = true;
    },
    status(change, at) {
      if (change.status === "live") startedAt ??= at;
      if (change.status === "ended") return end(change.summary ?? null, change.reason ?? "");
      setStatus(change.status, true);
    },
    stats: showFigures,
    connection(connection, code) {
      if (connection === "open" || connection === "waiting") showReachable(connection === "open");
      if (code === SIGN_IN || code === FORBIDDEN) account.refresh();
      if (code === ENDED) end(null, "");
    },
  }, 0);
  socket.open();
  showCamera();
  find("#no-gifts", HTMLElement).hidden = false;
  showSection(desk);
}

function closeStream() {
  socket?.close();
  player?.close();
  camera.stop();
  ways.clear();
  feed.replaceChildren();
  confirmation.close("no");
  already.hidden = true;
  deskError.textContent = formError.textContent = "";
  socket = player = stream = null;
}

/**
 * @param {string} now
 * @param {boolean} [isEvent]  a status event, perhaps of a new publisher; false for a snapshot
 */
function setStatus(now, isEvent = false) {
  const before = status;
  status = now;
  if (now === "live" && (isEvent || before !== "live")) keyChanged = false;
  desk.dataset.status = now;
  if (now !== before) deskError.textContent = "";
  showState();
  if (now === "live" && stream?.visibility === "public" && (isEvent || before !== "live")) player?.play();
  else if (now !== "live") player?.hold();
  if (now !== "live") media.textContent = "";
  tick();
}

function showState() {
  const [title, text] = keyChanged && status !== "live" ? NEW_KEY : STATES[status] ?? ["", ""];
  if (state.dataset.title === title) return;
  state.dataset.title = title;
  state.replaceChildren(make("b", {}, title), ...(text ? [make("span", {}, text)] : []));
}

/** @param {import("./live_socket.js").Figures} figures */
function showFigures({ viewers, coins }) {
  find("#viewers", HTMLElement).textContent = viewers.toLocaleString("en");
  find("#earned", HTMLElement).textContent = coins.toLocaleString("en");
}

function tick() {
  find("#timer", HTMLElement).textContent = startedAt && status !== "created" ? clock(since(startedAt)) : "–";
}

/** Shows whether the server's probe receives the picture. */
async function checkMedia() {
  if (!stream || status !== "live" || document.visibilityState === "hidden") return;
  const own = await currentStream().catch(() => null);
  if (status !== "live" || !stream || own?.id !== stream.id) return;
  const { playing, playing_note: note } = own;
  const open = own.visibility === "public";
  if (!open) media.textContent = "This stream is private, so viewers cannot watch it. Only public streams can be watched so far.";
  else media.textContent = playing === undefined ? "" : note || (playing ? "Checked: viewers see your picture." : "You are connected, but no picture arrives. Check your encoder.");
  media.dataset.playing = String(open && playing && !note);
}

/**
 * @param {Summary | null} summary
 * @param {string} reason
 */
function end(summary, reason) {
  closeStream();
  const why = { grace_over: "Your picture did not come back in time, so the stream ended.", never_published: "No picture was sent, so the stream ended.", replaced: "You started another stream, which ended this one.",
    operator: "An operator ended this stream." }[reason];
  find("#over .why", HTMLElement).textContent = why ?? "";
  find("#over .figures", HTMLElement).replaceChildren(...figureRows(summary ? summaryFigures(summary) : []));
  showSection(over);
}

/**
 * Opens a confirmation dialog; resolves to whether the user confirmed.
 * @param {string} title
 * @param {string} text
 * @param {string} yes
 * @returns {Promise<boolean>}
 */
function confirmed(title, text, yes) {
  find("h2", HTMLElement, confirmation).textContent = title;
  find("p", HTMLElement, confirmation).textContent = text;
  find(".yes", HTMLButtonElement, confirmation).textContent = yes;
  confirmation.returnValue = "";
  confirmation.showModal();
  return new Promise((resolve) => confirmation.addEventListener("close", () => resolve(confirmation.returnValue === "yes"), { once: true }));
}

/** @param {string} [error] */
function showCamera(error = "") {
  cameraButton.hidden = !Camera.possible;
  find("#no-camera", HTMLElement).hidden = Camera.possible;
  find("span", HTMLElement, cameraButton).textContent = camera.media ? "Stop this camera" : "Use this camera";
  cameraBox.hidden = !camera.media;
  cameraSend.hidden = camera.on;
  cameraMute.hidden = !camera.hasSound;
  cameraMute.setAttribute("aria-pressed", String(camera.muted));
  const sound = camera.hasSound ? (camera.muted ? "Your microphone is muted." : "") : "No microphone found: your stream has no sound.";
  find("#camera-hint", HTMLElement).textContent = [camera.on ? "" : "Only you see this until you press “Go on air”.", sound].filter(Boolean).join(" ");
  if (mirror.srcObject !== camera.media) mirror.srcObject = camera.media;
  cameraError.textContent = error;
}

/** Opens the user's running stream, perhaps started on another device; retries until the server answers. */
async function findRunningStream() {
  clearTimeout(retryTimer);
  if (!account.user || stream) return;
  try {
    const own = await currentStream();
    showReachable(true);
    if (!account.user || stream) return;
    if (own) openStream(own);
    else if (start.hidden && over.hidden) showSection(start);
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return account.refresh();
    showReachable(false);
    retryTimer = setTimeout(findRunningStream, RETRY_MS);
  }
}

/** Starts a stream. Opens the running one instead if there is one, because `liveStream` would end it. */
async function goLive() {
  const fields = new FormData(form);
  try {
    const running = await currentStream();
    if (running) return openStream(running, true);
    openStream(await liveStream({ title: fields.get("title"), grace_s: fields.get("grace_s"), started_at: new Date().toISOString().slice(0, 19).replace("T", " ") }));
  } catch (error) {
    showError(error, formError);
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  formError.textContent = "";
  whileDisabled(find("button", HTMLButtonElement, form), goLive);
});

find("#end", HTMLButtonElement).addEventListener("click", async () => {
  const asked = stream;
  if (!asked || !(await confirmed("End the stream?", "It ends for all viewers at once, and its stream key stops working.", "End stream"))) return;
  if (stream !== asked) return;
  deskError.textContent = "";
  try {
    await liveStream({ id: asked.id, ended_at: new Date().toISOString() });
  } catch (error) {
    showError(error, deskError);
  }
});

find("#rotate", HTMLButtonElement).addEventListener("click", async () => {
  const asked = stream;
  if (!asked || !(await confirmed("Make a new key?", "The old key stops working and your encoder is disconnected. Viewers see “Reconnecting…” until you send with the new key.", "New key"))) return;
  if (stream !== asked) return;
  deskError.textContent = "";
  try {
    const own = await liveStream({ id: asked.id, rotate_key: 1 });
    if (stream !== asked) return;
    stream = own;
    keyChanged = true;
    showState();
    camera.stop();
    showCamera();
    ways.show(own);
  } catch (error) {
    showError(error, deskError);
  }
});

cameraButton.addEventListener("click", () => {
  if (camera.media) {
    camera.stop();
    return showCamera();
  }
  useCamera(cameraButton, () => camera.open());
});
cameraSend.addEventListener("click", () => useCamera(cameraSend, async () => {
  if (stream) await camera.start(stream.whip_url);
}));
cameraTurn.addEventListener("click", () => useCamera(cameraTurn, async () => {
  await camera.switchCamera();
  flip(camera.facing === "user");
}));
cameraMute.addEventListener("click", () => {
  camera.mute(!camera.muted);
  showCamera();
});
cameraFlip.addEventListener("click", () => flip(cameraFlip.getAttribute("aria-pressed") !== "true"));

/**
 * @param {HTMLButtonElement} pressed
 * @param {() => Promise<void>} work
 */
function useCamera(pressed, work) {
  const asked = stream;
  whileDisabled(pressed, async () => {
    let failure = "";
    try {
      await work();
    } catch (error) {
      failure = messageOf(error);
    }
    if (stream?.id !== asked?.id) camera.stop(); // the stream ended meanwhile
    showCamera(failure);
  });
}

/**
 * Mirrors the preview on this page only; viewers see the picture unmirrored.
 * @param {boolean} mirrored
 */
function flip(mirrored) {
  mirror.classList.toggle("mirrored", mirrored);
  cameraFlip.setAttribute("aria-pressed", String(mirrored));
}

find("#again", HTMLButtonElement).addEventListener("click", () => showSection(start));
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && findRunningStream());

account.onChange((user) => {
  closeStream();
  showReachable(true);
  if (user) {
    findRunningStream();
  } else {
    find(".ways", HTMLElement, guest).replaceChildren(...account.forms(() => undefined));
    showSection(guest);
  }
});
account.onReach(showReachable);
account.confirmSignOut = async () =>
  !camera.on || confirmed("Sign out?", "Your camera stops sending, and viewers see “Reconnecting…”.", "Sign out");
account.refresh();
find("#unreachable", HTMLElement).hidden = !LOOPBACK.test(location.hostname);
setInterval(tick, 1_000);
setInterval(checkMedia, PLAYING_EVERY_MS);
