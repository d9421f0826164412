// @ts-check
/** The profile's texts. */

import { call } from "./api.js";
import { find, make } from "./dom.js";
import { field, form } from "./forms.js";

/** @typedef {import("./account_page.js").Loaded} Loaded */

const DATE = new Intl.DateTimeFormat("en", { dateStyle: "long", timeZone: "UTC" });

/**
 * @param {HTMLElement} place
 * @param {Loaded} all
 */
export function showProfile(place, all) {
  const { account, own } = all;
  const text = { autocomplete: "off", dir: "auto" };
  const fields = {
    username: field("Username", { ...text, value: own.username, required: "", autocapitalize: "none", spellcheck: "false" },
      { hint: "Letters, digits, dots, dashes and underscores. You cannot change it often." }),
    first_name: field("First name", { ...text, value: own.first_name, autocomplete: "given-name" }),
    last_name: field("Last name", { ...text, value: own.last_name, autocomplete: "family-name" }),
    bio: field("Bio", { ...text, rows: "3" }, { tag: "textarea" }),
    website: field("Website", { ...text, value: own.website, inputmode: "url", placeholder: "https://example.com", autocapitalize: "none", spellcheck: "false" }),
    gender: field("Gender", { ...text, value: own.gender }),
  };
  fields.bio.input.value = own.bio;
  const birth = birthField(own.dob);
  const saved = make("span", { class: "hint", role: "status" });
  const { username, first_name, last_name, bio, website, gender } = fields;
  const entered = form([
    username.element,
    make("div", { class: "pair" }, first_name.element, last_name.element),
    bio.element, website.element,
    make("div", { class: "pair" }, gender.element, birth.element),
  ], "Save profile", async () => {
    saved.textContent = "";
    const changes = Object.fromEntries(Object.entries(fields).map(([name, { input }]) => [name, input.value]));
    const { User: now } = await call("editProfile", { ...changes, dob: birth.input?.value ?? "" });
    await account.refresh();
    showProfile(place, { ...all, own: now });
    find("[role=status]", HTMLElement, place).textContent = "Saved.";
    find("button", HTMLButtonElement, place).focus();
  }, [saved]);
  entered.addEventListener("input", () => { saved.textContent = ""; });
  place.replaceChildren(entered);
}

/**
 * The date of birth is set once; then it is shown.
 * @param {string} dob  "" or zeros: none
 */
function birthField(dob) {
  if (/[1-9]/.test(dob)) return { element: make("div", { class: "field" }, make("b", { class: "label" }, "Date of birth"), make("p", { class: "fixed" }, DATE.format(new Date(dob)))), input: null };
  const today = new Date().toISOString().slice(0, 10);
  return field("Date of birth", { type: "date", autocomplete: "bday", max: today }, { hint: "Only you see it. You can set it once." });
}
