// @ts-check
/** The sign-in form: a link for each provider, and one form for the other ways, with a switch between them. */

import { sendResetCode, sendSignInCode, signIn } from "./api.js";
import { codeForm, newPasswordField } from "./code_form.js";
import { make } from "./dom.js";
import { field, form, linkButton } from "./forms.js";

/** @typedef {import("./api.js").Session} Session */
/** @typedef {{ session: Session, enter: (values: Record<string, string>) => Promise<void>, show: (way: string) => void }} Shown */

const NAME = { autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: "" };

/** By the names of `api/pages/sign_in_ways.py`. @type {Record<string, { label: string, make: (shown: Shown) => HTMLElement }>} */
const WAYS = {
  name: {
    label: "Name",
    make({ enter }) {
      const name = field("Username", { name: "username", ...NAME }, { hint: "Development mode: any name signs you in, without a password." });
      return form([name.element], "Sign in", () => enter({ name: name.input.value }));
    },
  },
  code: {
    label: "Code",
    make: ({ session, enter }) => codeForm({
      channels: session.channels,
      sandbox: session.sandbox,
      text: "You get a code to sign in with. It also opens a new account.",
      send: sendSignInCode,
      submit: "Sign in",
      finish: (address, code) => enter({ code_of: address, code }),
    }),
  },
  password: {
    label: "Password",
    make({ session, enter, show }) {
      const login = field("Email, phone or username", { name: "login", ...NAME });
      const password = field("Password", { name: "password", type: "password", autocomplete: "current-password", required: "" });
      const forgotten = session.ways.includes("reset") ? [linkButton("Forgot password?", () => show("reset"))] : [];
      return form([login.element, password.element], "Sign in", () => enter({ login: login.input.value, password: password.input.value }), forgotten);
    },
  },
  reset: {
    label: "",
    make: ({ session, enter }) => codeForm({
      channels: session.channels,
      sandbox: session.sandbox,
      text: "Choose a new password with a code. Your other devices are signed out.",
      send: sendResetCode,
      submit: "Set password and sign in",
      more: () => [newPasswordField().element],
      finish: (address, code, values) => enter({ reset_of: address, code, password: String(values.get("password")) }),
    }),
  },
  token: {
    label: "Token",
    make({ enter }) {
      const token = field("Session token", { name: "token", type: "password", autocomplete: "off", required: "" },
        { hint: "From your app, or from the command: stagedoor token <username>" });
      return form([token.element], "Sign in", () => enter({ auth_token: token.input.value }));
    },
  },
};

/**
 * @param {Session} session
 * @param {(session: Session) => void} onEntered
 */
export function signInForm(session, onEntered) {
  const place = make("div", { class: "way" });
  const others = make("p", { class: "links" });
  const enter = async (/** @type {Record<string, string>} */ values) => onEntered(await signIn(values));

  /** @param {string} shown */
  function show(shown) {
    const way = WAYS[shown];
    if (!way) return;
    place.replaceChildren(way.make({ session, enter, show: switchTo }));
    const labels = session.ways.flatMap((name) => (name !== shown && WAYS[name]?.label ? [linkButton(WAYS[name].label, () => switchTo(name))] : []));
    others.replaceChildren(...(labels.length ? [make("span", { class: "hint" }, "Or use:"), ...labels] : []));
  }

  /** @param {string} shown */
  function switchTo(shown) {
    show(shown);
    place.querySelector("input")?.focus();
  }

  show(session.ways[0] ?? "");
  return make("div", { class: "sign-in" }, ...providers(session), place, others);
}

/**
 * Links to the providers' pages, which return to the page that is open now.
 * @param {Session} session
 */
function providers(session) {
  if (!session.providers.length) return [];
  const next = new URLSearchParams({ next: location.pathname + location.search });
  const links = session.providers.map(({ name, title, url }) =>
    make("a", { class: `button provider ${name}`, href: `${url}?${next}` }, `Continue with ${title}`));
  return [...links, make("p", { class: "or" }, "or")];
}
