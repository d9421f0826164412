// @ts-check
/** The profile picture: choose, preview, upload, remove. */

import { ask, call } from "./api.js";
import { avatar, button, make, replaceContent } from "./dom.js";
import { attempt, errorPlace } from "./forms.js";

/** @typedef {import("./account_page.js").Loaded} Loaded */

const TYPES = "image/jpeg,image/png,image/webp,image/gif,image/heic,image/heif,.heic,.heif";

/**
 * @param {HTMLElement} place
 * @param {Loaded} all
 */
export function showPicture(place, all) {
  const { own, account, changed } = all;
  const error = errorPlace();
  const chosen = make("input", { type: "file", accept: TYPES, class: "unseen", tabindex: "-1", "aria-label": "Picture file" });
  const choose = button(own.profile_pic ? "Change" : "Add a picture", () => chosen.click(), "button small");
  if (own.profile_pic) choose.setAttribute("aria-label", "Change picture");
  const remove = button("Remove", () => attempt(remove, error, async () => {
    await ask("DELETE", "/account/picture");
    await changed(place);
  }), "button small");
  chosen.addEventListener("change", () => {
    const [file] = chosen.files ?? [];
    if (file) showPreview(place, all, file);
  });
  remove.setAttribute("aria-label", "Remove picture");
  const person = account.user ?? { user_id: 0, username: own.username };
  replaceContent(place, avatar({ ...person, profile_pic: own.profile_pic }),
    make("div", { class: "beside" }, make("div", { class: "row" }, choose, ...(own.profile_pic ? [remove] : []), chosen),
      make("p", { class: "hint" }, "JPEG, PNG, WebP, GIF or HEIC. Place and camera data are removed."), error));
}

/**
 * @param {HTMLElement} place
 * @param {Loaded} all
 * @param {File} file
 */
function showPreview(place, all, file) {
  const error = errorPlace();
  const frame = make("span", { class: "avatar preview" });
  const save = button("Save", () => attempt(save, error, async () => {
    const form = new FormData();
    form.set("profile_pic", file);
    save.textContent = "Uploading…";
    try {
      await call("addUserImageNew", form);
    } finally {
      save.textContent = "Save";
    }
    await all.changed(place);
  }), "button small primary");
  save.setAttribute("aria-label", "Save picture");
  const cancel = button("Cancel", () => showPicture(place, all), "button small");
  place.replaceChildren(frame, make("div", { class: "beside" }, make("div", { class: "row" }, save, cancel), make("p", { class: "hint", dir: "auto" }, file.name), error));
  save.focus();
  const reader = new FileReader(); // the Content-Security-Policy permits data URLs, and no blob URLs
  reader.addEventListener("load", () => {
    const picture = make("img", { src: String(reader.result), alt: "Preview" });
    picture.addEventListener("error", () => frame.replaceChildren("?")); // such as HEIC, which the browser cannot show
    frame.replaceChildren(picture);
  });
  reader.readAsDataURL(file);
}
