// The script of /docs: a filter, copy buttons, and forms that send calls. The page is readable without it.

/**
 * @param {string} selector
 * @param {ParentNode} [root]
 * @returns {HTMLElement[]}
 */
const all = (selector, root = document) => [...root.querySelectorAll(selector)].filter((element) => element instanceof HTMLElement);

/**
 * @template {Element} T
 * @param {string} selector
 * @param {new () => T} type
 * @param {ParentNode} [root]
 * @returns {T}
 */
const find = (selector, type, root = document) => {
  const found = root.querySelector(selector);
  if (!(found instanceof type)) throw new Error(`the page has no ${selector}`);
  return found;
};

/** @param {string} text */
const announce = (text) => { find("#announcer", HTMLElement).textContent = text; };

// ── contents ──

const contents = find(".contents details", HTMLDetailsElement);
const wide = matchMedia("(min-width: 60rem)");
const unfold = () => { contents.open = wide.matches; };
wide.addEventListener("change", unfold);
unfold();
contents.addEventListener("click", (event) => {
  if (event.target instanceof Element && event.target.closest("a") && !wide.matches) contents.open = false;
});

const filter = find(".filter", HTMLElement);
const wantedName = find("input", HTMLInputElement, filter);
filter.hidden = false;
filter.addEventListener("input", () => {
  const wanted = wantedName.value.trim().toLowerCase();
  /** @param {string | null} text */
  const matches = (text) => (text ?? "").toLowerCase().includes(wanted);
  for (const item of all(".contents li")) item.hidden = !matches(item.textContent);
  for (const group of all(".contents section")) group.hidden = all("li", group).every((item) => item.hidden);
  for (const article of all(".endpoint")) article.hidden = !matches(article.id.replace("_", "/"));
  for (const section of all("main section[id^=section-]")) {
    section.hidden = all(".endpoint", section).every((article) => article.hidden);
  }
  const found = all(".contents li, .endpoint").some((part) => !part.hidden);
  find("#no-match", HTMLElement).textContent = found ? "" : "No endpoint matches.";
});

// Opens the folded object that the URL's fragment names.
const openTarget = () => {
  const target = document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) target.open = true;
};
addEventListener("hashchange", openTarget);
openTarget();

// ── copy buttons ──

for (const example of navigator.clipboard ? all("pre.curl") : []) {
  const frame = document.createElement("div");
  const button = document.createElement("button");
  frame.className = "copied";
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(example.textContent);
    announce("Copied.");
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  example.replaceWith(frame);
  frame.append(example, button);
}

// ── forms that send a call ──

// Copies a token or key that was typed into one form to all forms of the page.
/**
 * @param {string} name
 * @param {string} value
 */
const share = (name, value) => {
  for (const input of all(`.try input[name=${name}]`)) if (input instanceof HTMLInputElement) input.value = value;
};

/**
 * The value of a form's field; null if it has no such field.
 * @param {HTMLFormElement} form
 * @param {string} name
 */
const typed = (form, name) => {
  const value = new FormData(form).get(name);
  return typeof value === "string" ? value : null;
};

/** @param {HTMLFormElement} form */
const headersOf = (form) => {
  /** @type {Record<string, string>} */
  const headers = { "Content-Type": "application/json" };
  const token = typed(form, "token")?.trim();
  const key = typed(form, "key")?.trim();
  if (token) headers.Authorization = `Bearer ${token}`;
  if (key) headers["Api-Key"] = key;
  return headers;
};

/** @param {string} text */
const readable = (text) => {
  try {
    return [JSON.parse(text), JSON.stringify(JSON.parse(text), null, 2)];
  } catch {
    return [null, text];
  }
};

/**
 * Sends the call. Returns a line about the outcome, and the response body.
 * @param {HTMLFormElement} form
 * @returns {Promise<[string, string]>}
 */
const send = async (form) => {
  const { path = "", method = "POST" } = form.dataset;
  const options = { method, headers: headersOf(form), body: typed(form, "body"), signal: AbortSignal.timeout(40_000) };
  const started = performance.now();
  const response = await fetch(path, options);
  const [answer, text] = readable(await response.text());
  const took = Math.round(performance.now() - started);
  const token = answer?.msg?.User?.auth_token;
  if (token) share("token", token);
  const outcome = answer?.code === undefined ? `HTTP ${response.status}` : `code ${answer.code}`;
  return [`${outcome} in ${took} ms${token ? ", signed in: every form now uses this token" : ""}`, text];
};

for (const details of all(".try")) {
  const form = find("form", HTMLFormElement, details);
  const output = find("output", HTMLOutputElement, form);
  const received = find(".received", HTMLElement, form);
  details.hidden = false;
  form.addEventListener("input", ({ target }) => {
    if (target instanceof HTMLInputElement && (target.name === "token" || target.name === "key")) share(target.name, target.value);
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (form.ariaBusy === "true") return;
    form.ariaBusy = "true";
    output.textContent = "…";
    received.hidden = true;
    try {
      [output.textContent, received.textContent] = await send(form);
      received.hidden = false;
    } catch (error) {
      output.textContent = `No answer: ${error instanceof Error ? error.message : error}`;
    } finally {
      form.ariaBusy = "false";
    }
  });
}
