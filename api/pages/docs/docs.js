// The documentation page works without this; with it, calls can be tried and examples copied.
"use strict";

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const announce = (text) => { document.getElementById("announcer").textContent = text; };

// ── contents ──

const contents = document.querySelector(".contents details");
const wide = matchMedia("(min-width: 60rem)");
const unfold = () => { contents.open = wide.matches; };
wide.addEventListener("change", unfold);
unfold();
contents.addEventListener("click", (event) => {
  if (event.target.closest("a") && !wide.matches) contents.open = false;
});

const filter = document.querySelector(".filter");
filter.hidden = false;
filter.addEventListener("input", (event) => {
  const wanted = event.target.value.trim().toLowerCase();
  const matches = (text) => text.toLowerCase().includes(wanted);
  for (const item of all(".contents li")) item.hidden = !matches(item.textContent);
  for (const group of all(".contents section")) group.hidden = all("li", group).every((item) => item.hidden);
  for (const article of all(".endpoint")) article.hidden = !matches(article.id.replace("_", "/"));
  for (const section of all("main section[id^=section-]")) {
    section.hidden = all(".endpoint", section).every((article) => article.hidden);
  }
  const found = all(".contents li, .endpoint").some((part) => !part.hidden);
  document.getElementById("no-match").textContent = found ? "" : "There is no endpoint by that name.";
});

// An object is folded away until a link leads to it.
const openTarget = () => {
  const target = document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) target.open = true;
};
addEventListener("hashchange", openTarget);
openTarget();

// ── copying ──

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

// ── trying ──

// A token or key typed into one form is in all of them, until the page is left.
const share = (name, value) => {
  for (const input of all(`.try input[name=${name}]`)) input.value = value;
};

const headersOf = (form) => {
  const headers = { "Content-Type": "application/json" };
  const token = form.elements.token?.value.trim();
  const key = form.elements.key?.value.trim();
  if (token) headers.Authorization = `Bearer ${token}`;
  if (key) headers["Api-Key"] = key;
  return headers;
};

const readable = (text) => {
  try {
    return [JSON.parse(text), JSON.stringify(JSON.parse(text), null, 2)];
  } catch {
    return [null, text];
  }
};

const send = async (form) => {
  const { path, method } = form.dataset;
  const options = { method, headers: headersOf(form), signal: AbortSignal.timeout(40_000) };
  if (form.elements.body) options.body = form.elements.body.value;
  const started = performance.now();
  const response = await fetch(path, options);
  const [answer, text] = readable(await response.text());
  const took = Math.round(performance.now() - started);
  const token = answer?.msg?.User?.auth_token;
  if (token) share("token", token);
  const outcome = answer?.code === undefined ? `HTTP ${response.status}` : `code ${answer.code}`;
  return [`${outcome} in ${took} ms${token ? ", signed in: the token is in every form now" : ""}`, text];
};

for (const details of all(".try")) {
  const form = details.querySelector("form");
  const output = form.querySelector("output");
  const received = form.querySelector(".received");
  details.hidden = false;
  form.addEventListener("input", ({ target }) => {
    if (target.name === "token" || target.name === "key") share(target.name, target.value);
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
      output.textContent = `No answer: ${error.message}`;
    } finally {
      form.ariaBusy = "false";
    }
  });
}
