// @ts-check
/** What the owner says about a video: the fields of the upload page, and of the dialog that changes them. */

import { call } from "./api.js";
import { icon, make } from "./dom.js";
import { field, form } from "./forms.js";

/** @typedef {import("./video_calls.js").Video} Video */

const LONGEST_CAPTION = 2200;
const PRIVACIES = { public: "Everybody", friends: "Friends: those who follow you and whom you follow", private: "Only you" };

/** @param {Pick<Video, "description" | "privacy_type" | "allow_comments" | "allow_duet">} video */
export function videoFields({ description, privacy_type, allow_comments, allow_duet }) {
  const caption = field("Caption", { rows: "4", maxlength: String(LONGEST_CAPTION), dir: "auto", autocomplete: "off" }, { tag: "textarea", hint: "People find your video by its #tags. @names tell those people." });
  caption.input.value = description;
  const privacy = make("select", { id: "video-privacy", autocomplete: "off" }, ...Object.entries(PRIVACIES).map(([value, text]) => make("option", { value }, text)));
  privacy.value = privacy_type;
  const comments = check("Allow comments", allow_comments === "true");
  const duets = check("Allow duets", allow_duet === 1);
  return {
    elements: [caption.element, make("div", { class: "field" }, make("label", { for: "video-privacy" }, "Who can see it"), privacy), comments.element, duets.element],
    /**
     * As the fields of a form of the contract.
     * @param {Record<string, string | number>} more
     */
    form(more) {
      const fields = new FormData();
      const said = { description: caption.input.value, privacy_type: privacy.value, allow_comments: comments.input.checked, allow_duet: Number(duets.input.checked) };
      for (const [name, value] of Object.entries({ ...said, ...more })) fields.set(name, String(value));
      return fields;
    },
  };
}

/**
 * @param {string} label
 * @param {boolean} on
 */
function check(label, on) {
  const input = make("input", { type: "checkbox", autocomplete: "off" });
  input.checked = on;
  return { element: make("label", { class: "check" }, input, label), input };
}

/**
 * The dialog for the owner of a video.
 * @param {Video} video
 * @param {(video: Video) => void} changed
 */
export function editVideo(video, changed) {
  const close = make("button", { type: "button", class: "close round", "aria-label": "Close" }, icon("close"));
  const fields = videoFields(video);
  const content = form(fields.elements, "Save", async () => {
    changed((await call("editVideo", fields.form({ video_id: video.id }))).Video);
    dialog.close();
  });
  const dialog = make("dialog", { class: "dialog", "aria-labelledby": "edit-title" }, make("h2", { id: "edit-title" }, "Edit the video"), content, close);
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.querySelector("#main")?.append(dialog);
  dialog.showModal();
}
