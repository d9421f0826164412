// @ts-check
/** The comments of a video: a list with replies, likes and a pinned one, and the form to write. */

import { call, callInFull } from "./api.js";
import { confirm } from "./confirm.js";
import { avatar, button, icon, make } from "./dom.js";
import { attempt, errorPlace, linkButton } from "./forms.js";
import { ago, instant } from "./format.js";
import { menu } from "./menu.js";
import { personOf, profilePath, verifiedMark } from "./people.js";
import { Reaction } from "./reaction.js";
import { showReport } from "./report_dialog.js";

/** @typedef {import("./account.js").Account} Account */
/** @typedef {import("./people.js").User} User */
/** @typedef {import("./video_calls.js").Video} Video */
/** @typedef {import("./video_calls.js").FeedItem} FeedItem */
/** @typedef {{ id: number, user_id: number, comment: string, created: string, like: number, like_count: number, reply_count: number }} VideoComment */
/** @typedef {{ VideoComment: VideoComment, User: User, Video: Video, Children?: CommentItem[] }} CommentItem */

const LONGEST = 500;

export class Comments {
  #list = make("ol", { class: "comment-list" });
  #none = make("p", { class: "hint", hidden: "" }, "No comments yet.");
  #error = errorPlace();
  #title;
  #more;
  #place = make("div", { class: "write" });
  /** What is answered: a comment, or a reply and the comment that it belongs to. */
  #answered = /** @type {{ item: CommentItem, thread: CommentItem } | null} */ (null);
  #page = 0;
  /** The comment that is pinned; 0: none. */
  #pinned = 0;
  #known = new Set();

  /**
   * @param {HTMLElement} element
   * @param {FeedItem} item
   * @param {Account} account
   * @param {(count: number) => void} counted
   */
  constructor(element, item, account, counted) {
    this.item = item;
    this.account = account;
    this.count = item.Video.comment_count;
    this.counted = counted;
    this.#title = make("h2", { id: "comments-title", tabindex: "-1" }, "Comments");
    this.#more = button("Show more", () => this.#load(), "button wide more");
    this.#more.hidden = true;
    element.replaceChildren(this.#title, make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "List of comments" }, this.#list, this.#none, this.#more), this.#error, this.#place);
    this.#showTitle();
    /** Ends what the account tells it: the comments are not shown any more. */
    this.leave = account.onChange(() => this.#showForm());
  }

  focus() {
    (this.#place.querySelector("textarea") ?? this.#title).focus();
  }

  /** Starts with the first page, for the present viewer. */
  load() {
    this.#page = 0;
    this.#known.clear();
    this.#list.replaceChildren();
    return this.#load();
  }

  #load() {
    return attempt(this.#more, this.#error, async () => {
      const page = this.#page;
      /** @type {CommentItem[]} */
      const items = await call("showVideoComments", { video_id: this.item.Video.id, starting_point: page }).catch((error) => {
        this.#more.textContent = "Try again";
        this.#more.hidden = false;
        throw error;
      });
      if (page !== this.#page) return;
      this.#page += 1;
      this.#pinned = items[0]?.Video.pin_comment_id ?? this.#pinned;
      for (const item of items) if (!this.#known.has(item.VideoComment.id)) this.#list.append(this.#thread(item));
      this.#more.textContent = "Show more";
      this.#more.hidden = items.length < PAGE;
      this.#showNone();
    });
  }

  #showNone() {
    this.#none.hidden = this.#list.childElementCount > 0 || !this.#more.hidden;
  }

  #showTitle() {
    this.#title.textContent = this.count > 0 ? `Comments (${this.count.toLocaleString("en")})` : "Comments";
    this.counted(this.count);
  }

  /**
   * A comment with its newest replies.
   * @param {CommentItem} item
   */
  #thread(item) {
    const { id, reply_count } = item.VideoComment;
    const replies = item.Children ?? [];
    this.#known.add(id);
    const list = make("ol", { class: "replies", "aria-label": `Replies to ${item.User.username}` }, ...replies.map((reply) => this.#reply(reply, item)));
    const element = make("li", { class: "thread" }, this.#line(item, null), list);
    element.dataset.id = String(id);
    if (reply_count > replies.length) element.append(this.#olderReplies(item, list));
    return element;
  }

  /**
   * @param {CommentItem} reply
   * @param {CommentItem} parent
   */
  #reply(reply, parent) {
    const element = make("li", {}, this.#line(reply, parent));
    element.dataset.id = String(reply.VideoComment.id);
    return element;
  }

  /**
   * A button that adds replies above those that are shown.
   * @param {CommentItem} parent
   * @param {HTMLElement} list
   */
  #olderReplies(parent, list) {
    let page = 0;
    const show = linkButton("Show more replies", () => attempt(show, this.#error, async () => {
      /** @type {CommentItem[]} */
      const items = await call("showVideoComments", { video_id: this.item.Video.id, parent_id: parent.VideoComment.id, starting_point: page });
      page += 1;
      for (const reply of items) if (!list.querySelector(`[data-id="${reply.VideoComment.id}"]`)) list.prepend(this.#reply(reply, parent));
      if (items.length < PAGE) show.remove();
    }));
    show.classList.add("more-replies");
    return show;
  }

  /**
   * @param {CommentItem} item
   * @param {CommentItem | null} parent
   */
  #line(item, parent) {
    const { VideoComment, User } = item;
    const person = personOf(User);
    const at = instant(VideoComment.created);
    const names = make("a", { class: "name", href: profilePath(person) }, make("bdi", {}, person.username), ...verifiedMark(person));
    const pinned = VideoComment.id === this.#pinned ? [make("span", { class: "pinned" }, icon("pin"), "Pinned")] : [];
    const owner = User && Number(User.id) === this.item.Video.user_id ? [make("span", { class: "by-owner" }, "Author")] : [];
    const answer = this.#open ? [linkButton("Reply", () => this.#answer(item, parent ?? item))] : [];
    /** @type {HTMLElement} */
    const element = make("div", { class: "comment" },
      make("a", { href: profilePath(person), tabindex: "-1", "aria-hidden": "true" }, avatar(person)),
      make("div", { class: "words-of" },
        make("p", { class: "by" }, names, ...owner, ...pinned),
        make("p", { class: "text", dir: "auto" }, VideoComment.comment),
        make("p", { class: "under" }, make("time", { datetime: at, title: new Date(at).toLocaleString() }, ago(at)), ...answer)),
      this.#like(item, parent), menu("Options of the comment", () => this.#choices(item, parent, element)));
    return element;
  }

  /**
   * @param {CommentItem} item
   * @param {CommentItem | null} parent
   */
  #like({ VideoComment }, parent) {
    const like = new Reaction("Like the comment", "heart", VideoComment.like === 1, VideoComment.like_count, async (wanted) => {
      const answer = parent
        ? await callInFull("likeCommentReply", { comment_reply_id: VideoComment.id, like: Number(wanted) })
        : await callInFull("likeComment", { comment_id: VideoComment.id, like: Number(wanted) });
      return answer.like_count;
    });
    like.element.addEventListener("click", () => this.#signedIn(like.element, () => like.toggle()));
    return like.element;
  }

  /**
   * @param {HTMLElement} pressed
   * @param {() => Promise<unknown>} work
   */
  async #signedIn(pressed, work) {
    if (!this.account.user) return this.account.askToSignIn(() => pressed);
    await attempt(document.createElement("button"), this.#error, work);
  }

  /**
   * @param {CommentItem} item
   * @param {CommentItem | null} parent
   * @param {HTMLElement} element
   * @returns {import("./menu.js").Choice[]}
   */
  #choices(item, parent, element) {
    const { id, user_id } = item.VideoComment;
    const own = this.account.user?.user_id === user_id;
    const owns = this.account.user?.user_id === this.item.Video.user_id;
    /** @type {import("./menu.js").Choice[]} */
    const choices = [];
    if (owns && !parent) choices.push([id === this.#pinned ? "Unpin" : "Pin", (toggle) => attempt(toggle, this.#error, () => this.#pin(id === this.#pinned ? 0 : id))]);
    if (own || owns) choices.push(["Delete", () => confirm("Delete this comment?", parent ? "It disappears for everybody." : "It disappears for everybody, with its replies.", "Delete", () => this.#delete(item, parent, element))]);
    if (!own) choices.push(["Report", (toggle) => this.#signedIn(toggle, () => showReport(`Report a comment of @${item.User.username}`, "reportComment", { comment_id: id }))]);
    return choices;
  }

  /** @param {number} id  0: none */
  async #pin(id) {
    await call("pinComment", { video_id: this.item.Video.id, pin_comment_id: id });
    await this.load();
  }

  /**
   * @param {CommentItem} item
   * @param {CommentItem | null} parent
   * @param {HTMLElement} element
   */
  async #delete(item, parent, element) {
    await call(parent ? "deleteVideoCommentReply" : "deleteVideoComment", { id: item.VideoComment.id });
    const place = /** @type {HTMLElement} */ (element.parentElement);
    this.count -= 1 + (parent ? 0 : Math.max(item.VideoComment.reply_count, place.querySelectorAll(".replies > li").length));
    place.remove();
    this.#showTitle();
    this.#showNone();
    this.focus();
  }

  get #open() {
    return this.item.Video.allow_comments === "true";
  }

  #showForm() {
    if (!this.#open) return this.#place.replaceChildren(make("p", { class: "hint" }, "Comments are turned off for this video."));
    if (!this.account.user) return this.#place.replaceChildren(button("Sign in to comment", () => this.account.askToSignIn(() => this.#place.querySelector("textarea")), "button wide"));
    const text = make("textarea", { rows: "1", maxlength: String(LONGEST), required: "", dir: "auto", "aria-label": "Comment", placeholder: "Add a comment" });
    const send = make("button", { class: "round accent", "aria-label": "Send the comment" }, icon("send"));
    const answers = make("p", { class: "answers", hidden: "" });
    const form = make("form", {}, answers, make("div", { class: "line-of" }, text, send));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      attempt(send, this.#error, () => this.#send(text));
    });
    text.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    });
    this.#place.replaceChildren(form);
    this.#showAnswered();
  }

  /**
   * @param {CommentItem} item
   * @param {CommentItem} thread
   */
  #answer(item, thread) {
    if (!this.account.user) return this.account.askToSignIn(() => this.#place.querySelector("textarea"));
    this.#answered = { item, thread };
    this.#showAnswered();
    const text = this.#place.querySelector("textarea");
    if (!text) return;
    if (item !== thread) text.value = `@${item.User.username} `;
    text.focus();
  }

  #showAnswered() {
    const answers = /** @type {HTMLElement | null} */ (this.#place.querySelector(".answers"));
    if (!answers) return;
    answers.hidden = this.#answered === null;
    answers.replaceChildren(...(this.#answered ? [`Reply to ${this.#answered.item.User.username} `, linkButton("Cancel", () => {
      this.#answered = null;
      this.#showAnswered();
    })] : []));
  }

  /**
   * Shows a comment that the viewer has posted.
   * @param {CommentItem} posted
   * @param {CommentItem | null} parent
   */
  #add(posted, parent) {
    const thread = parent && this.#list.querySelector(`[data-id="${parent.VideoComment.id}"] .replies`);
    const line = thread && parent ? this.#reply(posted, parent) : this.#thread(posted);
    (thread ?? this.#list)[thread ? "append" : "prepend"](line);
    this.count += 1;
    this.#showTitle();
    this.#showNone();
    return line;
  }

  /** @param {HTMLTextAreaElement} text */
  async #send(text) {
    const answered = this.#answered;
    const comment = text.value.trim();
    if (!comment) return;
    /** @type {CommentItem} */
    const posted = await call("postCommentOnVideo", { video_id: this.item.Video.id, comment, ...(answered && { parent_id: answered.item.VideoComment.id }) });
    const shown = this.#list.querySelector(`[data-id="${posted.VideoComment.id}"]`); // the same words again within seconds are the same comment
    const line = shown ?? this.#add(posted, answered?.thread ?? null);
    text.value = "";
    this.#answered = null;
    this.#showAnswered();
    line.scrollIntoView({ block: "nearest" });
  }
}

/** Comments in an answer of the contract, unless there are no more. */
const PAGE = 10;
