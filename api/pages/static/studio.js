// @ts-check
/** The studio: going live, how it goes, and the end. */

import { Account } from "./account.js";
import { Refused, currentStream, liveStream, messageOf } from "./api.js";
import { Camera } from "./camera.js";
import { addLine, figureRows, find, holding, make } from "./dom.js";
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
  created: ["Waiting for your picture", "Start sending in one of the ways on this page; you go live with the first picture."],
  live: ["You are live", ""],
  interrupted: ["Reconnecting…", "Your picture stopped arriving. Send again with the same key to resume."],
};

/** @type {[title: string, text: string]} */
const NEW_KEY = ["New key made", "Update your encoder: the old key has stopped working."];

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
const cameraTold = find("#camera-told", HTMLElement);
const cameraBox = find("#camera-box", HTMLElement);
const cameraSend = find("#camera-send", HTMLButtonElement);
const cameraTurn = find("#camera-turn", HTMLButtonElement);
const cameraMute = find("#camera-mute", HTMLButtonElement);
const cameraFlip = find("#camera-flip", HTMLButtonElement);
const mirror = find("#mirror", HTMLVideoElement);
const media = find("#media", HTMLElement);
const feed = find("#feed", HTMLElement);
const confirmation = find("#confirm", HTMLDialogElement);

const LOOPBACK = /^(localhost$|127\.|\[::1\]$)/;

/** @type {OwnStream | null} */ let stream = null;
/** @type {LiveSocket | null} */ let socket = null;
/** @type {Player | null} */ let player = null;
/** @type {string | null} */ let startedAt = null;
let status = "created";
/** Since the key was changed, nobody has published. */
let rekeyed = false;
let looking = 0;

const account = new Account();
const ways = new PublishWays(find("#tabs", HTMLElement), find("#way", HTMLElement), find("#reveal", HTMLButtonElement),
  find("#announcer", HTMLElement));
const camera = new Camera(() => showCamera("The camera was disconnected."));

/**
 * What had the focus goes with its section; nothing had it when the page has just come.
 * @param {HTMLElement} shown
 */
function only(shown) {
  const parts = [guest, start, desk, over];
  const first = parts.every((part) => part.hidden);
  for (const part of parts) part.hidden = part !== shown;
  if (!first) find("h2", HTMLElement, shown).focus();
}

/** @param {boolean} reached */
function reach(reached) {
  unreached.hidden = reached;
}

/**
 * Who is signed in no more gets the form.
 * @param {unknown} error
 * @param {HTMLElement} place
 */
function tell(error, place) {
  place.textContent = messageOf(error);
  if (error instanceof Refused && error.status === 401) account.refresh();
}

/**
 * @param {OwnStream} own
 * @param {boolean} [found]  it ran when another one was wanted
 */
function open(own, found = false) {
  leave();
  already.hidden = !found;
  stream = own;
  status = "created";
  rekeyed = false;
  startedAt = null;
  const title = find("#title", HTMLElement);
  title.textContent = title.title = own.title || `${account.user?.username ?? "You"} live`;
  for (const link of document.querySelectorAll("a.watch-link")) link.setAttribute("href", `/watch/${own.id}`);
  ways.show(own);
  player = new Player(find("#preview video", HTMLVideoElement), find("#preview .still", HTMLCanvasElement), own, () => undefined);
  socket = new LiveSocket(own.id, {
    hello({ stream: told, recovered }) {
      startedAt = told.started_at;
      if (!recovered) feed.replaceChildren();
      become(told.status);
      figures(told);
    },
    gift(gift) {
      addLine(feed, giftLine(gift), FEED_LINES);
      find("#no-gifts", HTMLElement).hidden = true;
    },
    status(told, at) {
      if (told.status === "live") startedAt ??= at;
      if (told.status === "ended") return end(told.summary ?? null, told.reason ?? "");
      become(told.status, true);
    },
    stats: figures,
    connection(connection, code) {
      if (connection === "open" || connection === "waiting") reach(connection === "open");
      if (code === SIGN_IN || code === FORBIDDEN) account.refresh();
      if (code === ENDED) end(null, "");
    },
  }, 0);
  socket.open();
  showCamera();
  find("#no-gifts", HTMLElement).hidden = false;
  only(desk);
}

function leave() {
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
 * @param {boolean} [anew]
 */
function become(now, anew = false) {
  const before = status;
  status = now;
  if (now === "live" && (anew || before !== "live")) rekeyed = false;
  desk.dataset.status = now;
  if (now !== before) deskError.textContent = "";
  showState();
  if (now === "live" && stream?.visibility === "public" && (anew || before !== "live")) player?.play();
  else if (now !== "live") player?.hold();
  if (now !== "live") media.textContent = "";
  tick();
}

function showState() {
  const [title, text] = rekeyed && status !== "live" ? NEW_KEY : STATES[status] ?? ["", ""];
  if (state.dataset.title === title) return;
  state.dataset.title = title;
  state.replaceChildren(make("b", {}, title), ...(text ? [make("span", {}, text)] : []));
}

/** @param {import("./live_socket.js").Figures} told */
function figures({ viewers, coins }) {
  find("#viewers", HTMLElement).textContent = viewers.toLocaleString("en");
  find("#earned", HTMLElement).textContent = coins.toLocaleString("en");
}

function tick() {
  find("#timer", HTMLElement).textContent = startedAt && status !== "created" ? clock(since(startedAt)) : "–";
}

/** Whether pictures really flow, where the server looks. */
async function lookAtMedia() {
  if (!stream || status !== "live" || document.visibilityState === "hidden") return;
  const own = await currentStream().catch(() => null);
  if (status !== "live" || !stream || own?.id !== stream.id) return;
  const { playing, playing_note: note } = own;
  const open = own.visibility === "public";
  if (!open) media.textContent = "This stream is private, so viewers cannot watch it yet. Only public streams can be watched.";
  else media.textContent = playing === undefined ? "" : note || (playing ? "Checked: viewers see your picture." : "You are connected, but no picture arrives.");
  media.dataset.playing = String(open && playing && !note);
}

/**
 * @param {Summary | null} summary
 * @param {string} reason
 */
function end(summary, reason) {
  leave();
  const why = { grace_over: "Your picture did not come back in time.", never_published: "Nothing was sent.", replaced: "You started another stream.",
    operator: "An operator ended it." }[reason];
  find("#over .why", HTMLElement).textContent = why ?? "";
  find("#over .figures", HTMLElement).replaceChildren(...figureRows(summary ? summaryFigures(summary) : []));
  only(over);
}

/**
 * Asks in a dialog; resolves to whether it was meant.
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

/** @param {string} [told] */
function showCamera(told = "") {
  cameraButton.hidden = !Camera.possible;
  find("#no-camera", HTMLElement).hidden = Camera.possible;
  find("span", HTMLElement, cameraButton).textContent = camera.media ? "Stop this camera" : "Use this camera";
  cameraBox.hidden = !camera.media;
  cameraSend.hidden = camera.on;
  cameraMute.hidden = !camera.hasSound;
  cameraMute.setAttribute("aria-pressed", String(camera.muted));
  const sound = camera.hasSound ? (camera.muted ? "Your microphone is muted." : "") : "No microphone found: you send the picture only.";
  find("#camera-hint", HTMLElement).textContent = [camera.on ? "" : "Only you see this until you press “Go on air”.", sound].filter(Boolean).join(" ");
  if (mirror.srcObject !== camera.media) mirror.srcObject = camera.media;
  cameraTold.textContent = told;
}

/** Whether a stream of ours runs, perhaps begun elsewhere; asks until there is an answer. */
async function look() {
  clearTimeout(looking);
  if (!account.user || stream) return;
  try {
    const own = await currentStream();
    reach(true);
    if (!account.user || stream) return;
    if (own) open(own);
    else if (start.hidden && over.hidden) only(start);
  } catch (error) {
    if (error instanceof Refused && error.status === 401) return account.refresh();
    reach(false);
    looking = setTimeout(look, RETRY_MS);
  }
}

/** Going live would replace a stream that runs, in this tab or elsewhere. */
async function goLive() {
  const fields = new FormData(form);
  try {
    const running = await currentStream();
    if (running) return open(running, true);
    open(await liveStream({ title: fields.get("title"), grace_s: fields.get("grace_s"), started_at: new Date().toISOString().slice(0, 19).replace("T", " ") }));
  } catch (error) {
    tell(error, formError);
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  formError.textContent = "";
  holding(find("button", HTMLButtonElement, form), goLive);
});

find("#end", HTMLButtonElement).addEventListener("click", async () => {
  const asked = stream;
  if (!asked || !(await confirmed("End the stream?", "It ends for everybody at once, and its stream key stops working.", "End stream"))) return;
  if (stream !== asked) return;
  deskError.textContent = "";
  try {
    await liveStream({ id: asked.id, ended_at: new Date().toISOString() });
  } catch (error) {
    tell(error, deskError);
  }
});

find("#rotate", HTMLButtonElement).addEventListener("click", async () => {
  const asked = stream;
  if (!asked || !(await confirmed("Make a new key?", "Anyone using the old key is disconnected. Viewers see “reconnecting” until you send with the new one.", "New key"))) return;
  if (stream !== asked) return;
  deskError.textContent = "";
  try {
    const own = await liveStream({ id: asked.id, rotate_key: 1 });
    if (stream !== asked) return;
    stream = own;
    rekeyed = true;
    showState();
    camera.stop();
    showCamera();
    ways.show(own);
  } catch (error) {
    tell(error, deskError);
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
  await camera.turn();
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
  holding(pressed, async () => {
    let told = "";
    try {
      await work();
    } catch (error) {
      told = messageOf(error);
    }
    if (stream?.id !== asked?.id) camera.stop(); // it ended meanwhile
    showCamera(told);
  });
}

/**
 * As in a mirror, on this page only: viewers see the picture as it is.
 * @param {boolean} mirrored
 */
function flip(mirrored) {
  mirror.classList.toggle("mirrored", mirrored);
  cameraFlip.setAttribute("aria-pressed", String(mirrored));
}

find("#again", HTMLButtonElement).addEventListener("click", () => only(start));
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && look());

account.onChange((user) => {
  leave();
  reach(true);
  if (user) {
    look();
  } else {
    find(".ways", HTMLElement, guest).replaceChildren(...account.forms(() => undefined));
    only(guest);
  }
});
account.onReach(reach);
account.mayLeave = async () =>
  !camera.on || confirmed("Sign out?", "This camera stops sending: viewers see “reconnecting”.", "Sign out");
account.refresh();
find("#unreachable", HTMLElement).hidden = !LOOPBACK.test(location.hostname);
setInterval(tick, 1_000);
setInterval(lookAtMedia, PLAYING_EVERY_MS);
