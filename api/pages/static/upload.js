// @ts-check
/** The upload page: the file is uploaded while its owner writes the caption. */

import { Account } from "./account.js";
import { call } from "./api.js";
import { button, find, icon, make } from "./dom.js";
import { errorPlace, form } from "./forms.js";
import { ResumableUpload } from "./resumable_upload.js";
import { videoFields } from "./video_fields.js";

const MB = 1024 * 1024;

const account = new Account();
const guest = find("#guest", HTMLElement);
const own = find("#own", HTMLElement);
const place = find("#file", HTMLElement);
/** @type {ResumableUpload | null} */
let upload = null;
let posted = false;
/** Called when the upload is complete, or has failed. */
let settled = () => {};

function showChoice(message = "") {
  upload = null;
  const input = make("input", { type: "file", id: "video-file", accept: "video/*,.mp4,.mov,.m4v,.webm,.mkv", class: "unseen" });
  const zone = make("label", { class: "zone", for: "video-file" }, icon("upload"), make("b", {}, "Choose a video"), make("span", { class: "hint" }, "or drop it here. It is uploaded while you write."));
  const error = errorPlace();
  error.textContent = message;
  input.addEventListener("change", () => {
    const [file] = input.files ?? [];
    if (file) take(file);
  });
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    const file = event.dataTransfer?.files[0];
    if (file) take(file);
  });
  place.replaceChildren(input, zone, error);
}

/** @param {File} file */
function take(file) {
  const bar = make("progress", { max: String(Math.max(1, file.size)), value: "0", "aria-label": "Progress of the upload" });
  const told = make("p", { class: "told", role: "status" }, "Starting…");
  const error = errorPlace();
  const again = button("Continue", () => start(), "button small");
  const other = button("Choose another video", () => {
    upload?.giveUp();
    settled();
    showChoice();
    find("#video-file", HTMLInputElement, place).focus();
  }, "button small");
  again.hidden = true;
  const start = () => {
    again.hidden = true;
    error.textContent = "";
    upload?.start();
  };
  const started = new ResumableUpload(file, {
    progress(sent) {
      bar.value = sent;
      const percent = Math.floor((100 * sent) / Math.max(1, file.size));
      told.textContent = `${percent} % of ${megabytes(file.size)} uploaded`;
    },
    done() {
      bar.value = file.size;
      told.textContent = "Uploaded. Post it when you are ready.";
      settled();
    },
    failed(message) {
      error.textContent = `${message} What is uploaded is kept.`;
      again.hidden = false;
      settled();
    },
  });
  upload = started;
  addEventListener("online", () => !again.hidden && upload === started && start());
  place.replaceChildren(preview(file), make("div", { class: "state" }, make("p", { class: "name", dir: "auto" }, file.name), bar, told, error, make("div", { class: "row" }, again, other)));
  start();
}

/** @param {File} file */
function preview(file) {
  const url = URL.createObjectURL(file);
  const video = make("video", { src: url, muted: "", playsinline: "", controls: "", "aria-label": "Preview" });
  video.addEventListener("error", () => video.replaceWith(make("div", { class: "drawn", "aria-hidden": "true" }, icon("play")))); // such as HEVC
  return make("div", { class: "preview" }, video);
}

/** @param {number} bytes */
const megabytes = (bytes) => (bytes < MB ? "less than 1 MB" : `${Math.round(bytes / MB).toLocaleString("en")} MB`);

function showForm() {
  const fields = videoFields({ description: "", privacy_type: "public", allow_comments: "true", allow_duet: 1 });
  find("#about", HTMLElement).replaceChildren(form(fields.elements, "Post", async () => {
    const form = fields.form({ upload_id: await uploaded() });
    try {
      const { Video } = await call("postVideo", form);
      posted = true;
      location.assign(`/v/${Video.id}`);
    } catch (error) {
      if (await upload?.isGone()) showChoice();
      throw error;
    }
  }));
}

/** The id of the upload, when it is complete. */
async function uploaded() {
  if (!upload) throw new Error("Choose a video first.");
  if (!upload.id) await new Promise((resolve) => { settled = () => resolve(undefined); });
  if (!upload?.id) throw new Error("The upload is not complete.");
  return upload.id;
}

account.onChange((user) => {
  guest.hidden = Boolean(user);
  own.hidden = !user;
  upload?.giveUp();
  settled();
  if (!user) return find(".ways", HTMLElement, guest).replaceChildren(...account.forms(() => find("#video-file", HTMLInputElement).focus()));
  showChoice();
  showForm();
});
find("#main", HTMLElement).addEventListener("signed-out", () => account.refresh());
addEventListener("beforeunload", (event) => {
  if (upload && !posted) event.preventDefault();
});
account.refresh();
