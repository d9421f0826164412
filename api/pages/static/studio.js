// @ts-check
/** The studio: going live, how it goes, and the end. */

import { Account } from "./account.js";
import { currentStream, liveStream } from "./api.js";
import { Camera } from "./camera.js";
import { find, make } from "./dom.js";
import { clock, since } from "./format.js";
import { giftLine } from "./gift_show.js";
import { LiveSocket } from "./live_socket.js";
import { Player } from "./player.js";
import { PublishWays } from "./publish_ways.js";
import { figures as summaryFigures } from "./stage_state.js";

/** @typedef {import("./api.js").OwnStream} OwnStream */
/** @typedef {import("./live_socket.js").Summary} Summary */

const FEED_LINES = 50;
const PLAYING_EVERY_MS = 5_000;
const STATES = {
  created: ["Waiting for your picture", "Start sending with one of the ways beside; you go live with the first picture."],
  live: ["You are live", ""],
  interrupted: ["Reconnecting…", "Your picture has stopped coming. Send again with the same key and the stream goes on."],
};

const guest = find("#guest", HTMLElement);
const start = find("#start", HTMLElement);
const desk = find("#desk", HTMLElement);
const over = find("#over", HTMLElement);
const form = find("#go-live", HTMLFormElement);
const formError = find("#go-live .error", HTMLElement);
const state = find("#state", HTMLElement);
const cameraButton = find("#camera", HTMLButtonElement);
const cameraTold = find("#camera-told", HTMLElement);
const media = find("#media", HTMLElement);
const feed = find("#feed", HTMLElement);
const confirmation = find("#confirm", HTMLDialogElement);

const LOOPBACK = /^(localhost$|127\.|\[::1\]$)/;

/** @type {OwnStream | null} */ let stream = null;
/** @type {LiveSocket | null} */ let socket = null;
/** @type {Player | null} */ let player = null;
/** @type {string | null} */ let startedAt = null;
let status = "created";

const account = new Account();
const ways = new PublishWays(find("#tabs", HTMLElement), find("#way", HTMLElement), find("#reveal", HTMLButtonElement));
const camera = new Camera(() => showCamera("The camera was disconnected."));

/** @param {HTMLElement} shown */
function only(shown) {
  for (const part of [guest, start, desk, over]) part.hidden = part !== shown;
}

/** @param {OwnStream} own */
function open(own) {
  leave();
  stream = own;
  status = "created";
  startedAt = null;
  find("#title", HTMLElement).textContent = own.title || "Untitled stream";
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
      feed.prepend(giftLine(gift));
      while (feed.childElementCount > FEED_LINES) feed.lastElementChild?.remove();
      find("#no-gifts", HTMLElement).hidden = true;
    },
    status(told, at) {
      if (told.status === "live") startedAt ??= at;
      if (told.status === "ended") return end(told.summary ?? null, told.reason ?? "");
      become(told.status, true);
    },
    stats: figures,
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
  socket = player = stream = null;
}

/**
 * @param {string} now
 * @param {boolean} [anew]
 */
function become(now, anew = false) {
  const before = status;
  status = now;
  const [title, text] = STATES[/** @type {keyof typeof STATES} */ (now)] ?? ["", ""];
  desk.dataset.status = now;
  if (state.dataset.status !== now) {
    state.dataset.status = now;
    state.replaceChildren(make("b", {}, title), ...(text ? [make("span", {}, text)] : []));
  }
  if (now === "live" && (anew || before !== "live")) player?.play();
  else if (now !== "live") player?.hold();
  if (now !== "live") media.textContent = "";
  tick();
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
  const playing = (await currentStream().catch(() => null))?.playing;
  if (status !== "live") return;
  media.textContent = playing === undefined ? "" : playing ? "Checked: viewers see your picture." : "You are connected, but no picture can be seen.";
  media.dataset.playing = String(playing);
}

/**
 * @param {Summary | null} summary
 * @param {string} reason
 */
function end(summary, reason) {
  leave();
  const why = { grace_over: "Your picture did not come back in time.", never_published: "Nothing was ever sent.", replaced: "You went live anew elsewhere.",
    operator: "An operator has ended it." }[reason];
  find("#over .why", HTMLElement).textContent = why ?? "";
  find("#over .figures", HTMLElement).replaceChildren(...(summary ? summaryFigures(summary) : []).map(([figure, of]) =>
    make("div", {}, make("dt", {}, of), make("dd", {}, figure))));
  only(over);
  find("#over h2", HTMLElement).focus();
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
  cameraButton.setAttribute("aria-pressed", String(camera.on));
  find("span", HTMLElement, cameraButton).textContent = camera.on ? "Stop this camera" : "Use this camera";
  cameraTold.textContent = told;
}

async function look() {
  try {
    const own = await currentStream();
    if (own) open(own);
    else only(start);
  } catch (error) {
    find("#start .error", HTMLElement).textContent = /** @type {Error} */ (error).message;
    only(start);
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  formError.textContent = "";
  const fields = new FormData(form);
  const submit = find("button", HTMLButtonElement, form);
  submit.disabled = true;
  try {
    open(await liveStream({ title: fields.get("title"), grace_s: fields.get("grace_s"), started_at: new Date().toISOString().slice(0, 19).replace("T", " ") }));
  } catch (error) {
    formError.textContent = /** @type {Error} */ (error).message;
  }
  submit.disabled = false;
});

find("#end", HTMLButtonElement).addEventListener("click", async () => {
  if (!stream || !(await confirmed("End the stream?", "It ends for everybody at once, and its key opens nothing any more.", "End stream"))) return;
  try {
    await liveStream({ id: stream?.id, ended_at: new Date().toISOString() });
  } catch (error) {
    state.append(make("span", { class: "error" }, /** @type {Error} */ (error).message));
  }
});

find("#rotate", HTMLButtonElement).addEventListener("click", async () => {
  if (!stream || !(await confirmed("Make a new key?", "Whoever sends with the old key is put out. Viewers see “reconnecting” until you send with the new one.", "New key"))) return;
  try {
    const own = await liveStream({ id: stream.id, rotate_key: 1 });
    stream = own;
    camera.stop();
    showCamera();
    ways.show(own);
  } catch (error) {
    cameraTold.textContent = /** @type {Error} */ (error).message;
  }
});

cameraButton.addEventListener("click", async () => {
  if (camera.on) {
    camera.stop();
    return showCamera();
  }
  cameraButton.disabled = true;
  try {
    if (stream) await camera.start(stream.whip_url);
    showCamera();
  } catch (error) {
    showCamera(/** @type {Error} */ (error).message);
  }
  cameraButton.disabled = false;
});

find("#again", HTMLButtonElement).addEventListener("click", () => only(start));

account.onChange((user) => {
  leave();
  if (user) {
    look();
  } else {
    find(".ways", HTMLElement, guest).replaceChildren(...account.forms(() => undefined));
    only(guest);
  }
});
account.refresh();
find("#unreachable", HTMLElement).hidden = !LOOPBACK.test(location.hostname);
setInterval(tick, 1_000);
setInterval(lookAtMedia, PLAYING_EVERY_MS);
