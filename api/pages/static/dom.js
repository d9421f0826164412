// @ts-check
/** DOM helpers shared by all pages: find and create elements, buttons, avatars, icons. */

/**
 * The first element that matches the selector. Throws an Error if the page's markup has none of this type.
 * @template {Element} T
 * @param {string} selector
 * @param {new () => T} type
 * @param {ParentNode} [root]
 * @returns {T}
 */
export function find(selector, type, root = document) {
  const found = root.querySelector(selector);
  if (!(found instanceof type)) throw new Error(`the page has no ${selector}`);
  return found;
}

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/**
 * Replaces the element's children. If the focus was inside, moves it to the first new button.
 * @param {Element} element
 * @param {...(Node | string)} children
 */
export function replaceContent(element, ...children) {
  const focused = element.contains(document.activeElement);
  element.replaceChildren(...children);
  if (focused) element.querySelector("button")?.focus();
}

/**
 * Disables the button or choice while `work` runs. A disabled one loses the focus, so it gets it back unless `work` moved it.
 * @param {HTMLButtonElement | HTMLSelectElement} element
 * @param {() => Promise<void>} work
 */
export async function whileDisabled(element, work) {
  element.disabled = true;
  try {
    await work();
  } finally {
    element.disabled = false;
  }
  if (document.activeElement === document.body) element.focus();
}

/**
 * @param {string} label
 * @param {() => void} onClick
 * @param {string} [className]
 */
export function button(label, onClick, className = "button") {
  const element = make("button", { type: "button", class: className }, label);
  element.addEventListener("click", onClick);
  return element;
}

/**
 * Adds a line at the top of a list and removes lines beyond `most`.
 * @param {HTMLElement} list
 * @param {HTMLElement} line
 * @param {number} most
 */
export function addLine(list, line, most) {
  list.prepend(line);
  while (list.childElementCount > most) list.lastElementChild?.remove();
}

/**
 * The rows of a `dl` of figures.
 * @param {[figure: string, of: string][]} figures
 */
export function figureRows(figures) {
  return figures.map(([figure, of]) => make("div", {}, make("dt", {}, of), make("dd", {}, figure)));
}

/**
 * An SVG icon from the symbols in `frame.html`.
 * @param {string} name
 */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/**
 * @param {string} name
 * @param {string} text
 */
export function withIcon(name, text) {
  const fragment = document.createDocumentFragment();
  fragment.append(icon(name), make("span", {}, text));
  return fragment;
}

/**
 * Sets the element's hue to one that is derived from the user's id.
 * @param {HTMLElement} element
 * @param {number} userId
 */
export function tint(element, userId) {
  element.style.setProperty("--hue", String((userId * 137) % 360));
}

/** @param {string} username */
export function initial(username) {
  return [...username][0]?.toUpperCase() ?? "?";
}

/**
 * A user's avatar: the picture if this server hosts it, else the initial on the user's colour.
 * @param {{ user_id: number, username: string, profile_pic?: string }} person
 */
export function avatar(person) {
  const element = make("span", { class: "avatar", "aria-hidden": "true" });
  tint(element, person.user_id);
  const picture = localUrl(person.profile_pic ?? "");
  if (picture.startsWith("/")) element.append(make("img", { src: picture, alt: "" }));
  else element.textContent = initial(person.username);
  return element;
}

/**
 * A URL of this server's files without its origin, so that it also works under another host name; other URLs unchanged.
 * @param {string} url
 */
export function localUrl(url) {
  if (!URL.canParse(url)) return url;
  const { pathname, search } = new URL(url);
  return /^\/(static|media|videos)\//.test(pathname) ? pathname + search : url;
}

/**
 * A number of coins with the coin icon.
 * @param {number} amount
 * @param {string} [text]
 */
export function coins(amount, text = amount.toLocaleString("en")) {
  const element = make("span", { class: "coins" });
  element.append(icon("coin"), make("span", {}, text), make("span", { class: "unseen" }, amount === 1 ? " coin" : " coins"));
  return element;
}
