// @ts-check
/** The dialog in which a user, a message, a video or a comment is reported to the operators. */

import { call } from "./api.js";
import { button, icon, make } from "./dom.js";
import { field, form } from "./forms.js";

/** @typedef {{ ReportReason: { id: number, title: string } }} Reason */

/**
 * @param {string} title
 * @param {"reportUser" | "reportMessage" | "reportVideo" | "reportComment"} endpoint
 * @param {Record<string, number>} reported  what the endpoint calls it
 */
export async function showReport(title, endpoint, reported) {
  const close = make("button", { type: "button", class: "close round", "aria-label": "Close" }, icon("close"));
  const content = make("div", {}, make("p", { class: "hint" }, "Loading…"));
  const dialog = make("dialog", { class: "dialog", "aria-labelledby": "report-title" }, make("h2", { id: "report-title", dir: "auto" }, title), content, close);
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  document.querySelector("main")?.append(dialog);
  dialog.showModal();
  try {
    content.replaceChildren(reportForm(endpoint, reported, await call("showReportReasons"), dialog, content));
  } catch {
    content.replaceChildren(make("p", { class: "error", role: "alert" }, "The server cannot be reached. Please try again."));
  }
}

/**
 * @param {string} endpoint
 * @param {Record<string, number>} reported
 * @param {Reason[]} reasons
 * @param {HTMLDialogElement} dialog
 * @param {HTMLElement} content
 */
function reportForm(endpoint, reported, reasons, dialog, content) {
  const reason = make("select", { id: "report-reason", required: "" }, make("option", { value: "" }, "Choose a reason"),
    ...reasons.map(({ ReportReason }) => make("option", { value: String(ReportReason.id) }, ReportReason.title)));
  const words = field("What happened?", { rows: "3", maxlength: "1000", dir: "auto" }, { tag: "textarea", hint: "Only operators read it. The person does not learn who reported." });
  return form([make("div", { class: "field" }, make("label", { for: "report-reason" }, "Reason"), reason), words.element], "Report", async () => {
    const answer = await call(endpoint, { ...reported, report_reason_id: reason.value, description: words.input.value });
    const done = button("Close", () => dialog.close(), "button primary");
    content.replaceChildren(make("p", { class: "thanks", role: "status" }, typeof answer === "string" ? answer : "Thank you for your report."), done);
    done.focus();
  });
}
