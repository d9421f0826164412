// @ts-check
/** The dialog in which a user is reported to the operators. */

import { call } from "./api.js";
import { button, icon, make } from "./dom.js";
import { field, form } from "./forms.js";

/** @typedef {{ ReportReason: { id: number, title: string } }} Reason */

/**
 * @param {{ user_id: number, username: string }} person
 */
export async function showReport({ user_id, username }) {
  const close = make("button", { type: "button", class: "close round", "aria-label": "Close" }, icon("close"));
  const content = make("div", {}, make("p", { class: "hint" }, "Loading…"));
  const dialog = make("dialog", { class: "dialog", "aria-labelledby": "report-title" }, make("h2", { id: "report-title", dir: "auto" }, `Report @${username}`), content, close);
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.querySelector("#main")?.append(dialog);
  dialog.showModal();
  try {
    content.replaceChildren(reportForm(user_id, await call("showReportReasons"), dialog, content));
  } catch {
    content.replaceChildren(make("p", { class: "error", role: "alert" }, "The server cannot be reached. Please try again."));
  }
}

/**
 * @param {number} userId
 * @param {Reason[]} reasons
 * @param {HTMLDialogElement} dialog
 * @param {HTMLElement} content
 */
function reportForm(userId, reasons, dialog, content) {
  const reason = make("select", { id: "report-reason", required: "" }, make("option", { value: "" }, "Choose a reason"),
    ...reasons.map(({ ReportReason }) => make("option", { value: String(ReportReason.id) }, ReportReason.title)));
  const words = field("What happened?", { rows: "3", maxlength: "1000", dir: "auto" }, { tag: "textarea", hint: "Only operators read it. The person does not learn who reported." });
  return form([make("div", { class: "field" }, make("label", { for: "report-reason" }, "Reason"), reason), words.element], "Report", async () => {
    const thanks = await call("reportUser", { report_user_id: userId, report_reason_id: reason.value, description: words.input.value });
    const done = button("Close", () => dialog.close(), "button primary");
    content.replaceChildren(make("p", { class: "thanks", role: "status" }, thanks), done);
    done.focus();
  });
}
