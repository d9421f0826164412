"""What holds for every endpoint, in words."""

from __future__ import annotations

from api.errors import DONE, FAILED, LOG_OUT, MALFORMED, NO_SESSION, NOT_FOUND, REFUSED, WRONG_KEY

INTRODUCTION = """\
Every call is a `POST` of a JSON object, and every answer is one: `{"code": 200, "msg": …}`. The HTTP status is always 200; `code` tells the \
outcome, and under every code but 200 `msg` is a sentence for the person at the other end. Only `/live` and the addresses for operators are \
plain `GET`s, with the statuses of HTTP. The live socket is described in `/asyncapi.json`.

Requests are read leniently: numbers may come as text, an empty body is `{}`, `null` and unknown keys are left out, an id of `0` or `""` is \
none. The names of endpoints ignore case and doubled slashes, and work without `/api` too. Answers are exact: every key is always there and \
never `null`, flags are 0 or 1, and an object that is absent is left out.

A session token comes from `registerUser` (`msg.User.auth_token`) and goes into `Authorization: Bearer …` or `Auth-Token: …`. \
`Api-Key` says which of the apps is calling; it may be left out."""

DEVELOPMENT = """\
This server runs in development mode: `registerUser` with `{"auth_token": "dev:alice"}` signs anybody in, a call without a session may name \
its caller in the body where no coins move, and the sandbox store sells coins for nothing."""

EXAMPLES = {"registerUser": {"auth_token": "…"}}
"""Requests of which no single field is required, yet nothing at all leads nowhere."""

EXAMPLES_IN_DEVELOPMENT = {"registerUser": {"auth_token": "dev:alice"}}

CODES = {
    DONE: "Done. `msg` is as the endpoint describes it.",
    REFUSED: "Refused, for a reason to show: not enough coins, nobody by that name, called too often …",
    WRONG_KEY: "The API key is none of this server's.",
    MALFORMED: "The request is not what this endpoint takes. The sentence names the field.",
    NO_SESSION: "No session, or one that is not valid any more.",
    NOT_FOUND: "There is no such endpoint, or no such stream.",
    FAILED: "Something failed on the server's side. The same call may work in a moment.",
    LOG_OUT: "As 401, for the Android apps: they sign out on this code only.",
}
