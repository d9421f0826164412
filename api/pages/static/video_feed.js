// @ts-check
/** The feed of videos on the home page: one fills the window. It plays when it is in view; the next one is loaded meanwhile. */

import { messageOf, uniqueId } from "./api.js";
import { Clip, Sound, isForPage } from "./clip.js";
import { CommentsDialog } from "./comments_dialog.js";
import { button, find, make } from "./dom.js";
import { showFeed } from "./video_calls.js";

/** @typedef {import("./account.js").Account} Account */

/** The next page is read when so few videos are left. */
const LEFT = 3;
/** This part of a video must be visible before it plays. */
const VISIBLE = 0.5;
/** A video of which less is visible is not where the window stops. */
const WHOLE = 0.95;
const STEPS = { ArrowDown: 1, PageDown: 1, ArrowUp: -1, PageUp: -1 };

export class VideoFeed {
  #list = find("#feed", HTMLElement);
  #end = find("#feed-end", HTMLElement);
  #sound = new Sound();
  /** @type {Clip[]} */ #clips = [];
  /** @type {Clip | null} */ #current = null;
  /** @type {Map<Element, number>} */ #visible = new Map();
  #page = 0;
  #reader = uniqueId();
  #reads = false;
  #over = false;
  /** Counts the feeds of this page: each viewer has another one. */
  #reading = 0;
  #observer = new IntersectionObserver((entries) => this.#see(entries), { threshold: [0, 0.25, VISIBLE, 0.75, WHOLE, 1] });

  /** @param {Account} account */
  constructor(account) {
    this.account = account;
    document.addEventListener("visibilitychange", () => this.#current?.hold(document.visibilityState === "hidden"));
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Starts with the newest videos. */
  restart() {
    this.#reading += 1;
    this.#observer.disconnect();
    for (const clip of this.#clips) clip.unload();
    this.#clips = [];
    this.#visible.clear();
    this.#current = null;
    this.#page = 0;
    this.#reads = this.#over = false;
    this.#list.replaceChildren();
    return this.#more();
  }

  async #more() {
    if (this.#reads || this.#over) return;
    const reading = this.#reading;
    let goesOn = false;
    this.#reads = true;
    this.#end.replaceChildren();
    this.#list.setAttribute("aria-busy", "true");
    try {
      const items = await showFeed(this.#page, this.#reader);
      if (reading !== this.#reading) return;
      this.#page += 1;
      this.#over = items.length === 0;
      const known = new Set(this.#clips.map(({ item }) => item.Video.id)); // videos posted meanwhile move others to the next page
      const fresh = items.filter(({ Video }) => !known.has(Video.id));
      for (const item of fresh) this.#add(item);
      goesOn = !this.#over && fresh.length === 0;
      if (this.#over) this.#end.replaceChildren(make("p", { class: "hint" }, this.#clips.length ? "You have seen all videos." : "There are no videos yet."));
    } catch (error) {
      if (reading !== this.#reading) return;
      this.#list.setAttribute("aria-busy", "false");
      this.#end.replaceChildren(make("p", { class: "hint" }, messageOf(error)), button("Try again", () => {
        this.#reads = false;
        this.#more();
      }));
      return; // not before the viewer asks
    }
    this.#reads = false;
    this.#list.setAttribute("aria-busy", "false");
    if (goesOn) await this.#more();
  }

  /** @param {import("./clip.js").FeedItem} item */
  #add(item) {
    const clip = new Clip(item, {
      sound: this.#sound,
      account: this.account,
      showComments: () => new CommentsDialog(clip.item, this.account, clip.reactions.countComments).open(),
      onGone: () => this.#remove(clip),
    });
    const place = make("li", {}, clip.element);
    this.#clips.push(clip);
    this.#list.append(place);
    this.#observer.observe(place);
  }

  /** @param {Clip} clip */
  #remove(clip) {
    const index = this.#clips.indexOf(clip);
    if (index < 0) return;
    this.#clips.splice(index, 1);
    const place = /** @type {Element} */ (clip.element.parentElement);
    this.#observer.unobserve(place);
    this.#visible.delete(place);
    if (this.#current === clip) this.#current = null;
    clip.unload();
    place.remove();
    (this.#clips[index] ?? this.#clips[index - 1])?.reactions.element.querySelector("button")?.focus();
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #see(entries) {
    for (const { target, intersectionRatio } of entries) this.#visible.set(target, intersectionRatio);
    /** @type {Clip | null} */
    let best = null;
    let most = VISIBLE;
    for (const clip of this.#clips) {
      const part = this.#visible.get(/** @type {Element} */ (clip.element.parentElement)) ?? 0;
      if (part >= most) [best, most] = [clip, part];
    }
    if (best !== this.#current) this.#enter(best);
  }

  /** @param {Clip | null} clip */
  #enter(clip) {
    this.#current?.leave();
    this.#current = clip;
    const index = clip ? this.#clips.indexOf(clip) : -1;
    this.#clips.forEach((other, place) => {
      if (Math.abs(place - index) > 1) other.unload();
    });
    clip?.enter();
    this.#clips[index + 1]?.load();
    if (this.#clips.length - index <= LEFT) this.#more();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (!isForPage(event)) return;
    const step = STEPS[/** @type {keyof typeof STEPS} */ (event.key)];
    if (!step) this.#current?.pressKey(event);
    else if (this.#go(step)) event.preventDefault();
  }

  /**
   * Scrolls to another video, or above the first one. Returns whether there is one.
   * @param {number} step
   */
  #go(step) {
    const index = this.#current ? this.#clips.indexOf(this.#current) : -1;
    const partly = step > 0 && this.#current && (this.#visible.get(/** @type {Element} */ (this.#current.element.parentElement)) ?? 1) < WHOLE;
    const goal = this.#clips[partly ? index : index + step]?.element.parentElement;
    if (goal) goal.scrollIntoView({ block: "start" });
    else if (step < 0) scrollTo({ top: 0 });
    return Boolean(goal) || step < 0;
  }
}
