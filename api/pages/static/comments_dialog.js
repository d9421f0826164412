// @ts-check
/** The comments of a video of the feed: a sheet at the bottom of a phone, a panel at the side of a desktop. */

import { Comments } from "./comments.js";
import { icon, make } from "./dom.js";

export class CommentsDialog {
  /**
   * @param {import("./video_calls.js").FeedItem} item
   * @param {import("./account.js").Account} account
   * @param {(count: number) => void} counted
   */
  constructor(item, account, counted) {
    const close = make("button", { type: "button", class: "close round", "aria-label": "Close" }, icon("close"));
    const place = make("section", { class: "comments" });
    this.element = make("dialog", { class: "dialog sheet", "aria-labelledby": "comments-title" }, place, close);
    this.comments = new Comments(place, item, account, (count) => {
      item.Video.comment_count = count;
      counted(count);
    });
    close.addEventListener("click", () => this.element.close());
    this.element.addEventListener("click", (event) => event.target === this.element && this.element.close());
    this.element.addEventListener("close", () => {
      this.comments.leave();
      this.element.remove();
    });
  }

  open() {
    document.querySelector("#main")?.append(this.element);
    this.element.showModal();
    this.comments.load();
  }
}
