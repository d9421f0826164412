"""What holds for every endpoint, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.contract.errors import DONE, FAILED, LOG_OUT, MALFORMED, NO_SESSION, NOT_FOUND, REFUSED, WRONG_KEY

INTRODUCTION = """\
Every call is a `POST` of a JSON object, and every answer is one: `{"code": 200, "msg": …}`. The HTTP status is always 200; `code` tells the \
outcome, and with every code but 200 `msg` is a sentence to show to the user. Only `/live` and the addresses for operators are \
plain `GET`s, with the statuses of HTTP. The live socket is described in `/asyncapi.json`.

Requests are read leniently: numbers may come as text, an empty body is `{}`, `null` and unknown keys are left out, an id of `0` or `""` is \
none. The names of endpoints ignore case and doubled slashes, and work without `/api` too. Answers are exact: every key is always there and \
never `null`, flags are 0 or 1, and an object that is absent is left out.

A session token comes from `registerUser` (`msg.User.auth_token`) and goes into `Authorization: Bearer …` or `Auth-Token: …`. \
`Api-Key` names the calling app; it may be left out."""

DEVELOPMENT = """\
This server runs in development mode: `registerUser` with `{"auth_token": "dev:ada"}` signs anybody in, a call without a session may name \
its caller in the body where no coins move, and the sandbox store sells coins for nothing."""

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "registerUser": {"auth_token": "…"},
    "showUserDetail": {"username": "ben"},
    "showRelatedVideos": {"starting_point": 0},
    "liveStream": {"started_at": "2026-01-31 12:00:00", "title": "Hello"},
    "watchLiveStream": {"live_streaming_id": 1},
    "showGifts": {"type": "normal"},
    "sendGift": {"receiver_id": 2, "gift_id": 1, "gift_count": 3, "client_ref": "three-roses"},
    "purchaseCoin": {
        "transaction_id": "sandbox.…",
        "coin": "100",
        "title": "100 coins",
        "price": "$0.99",
        "device": "ios",
    },
    "sandbox/purchases": {"coin": 100},
}
"""A request that makes sense, for each endpoint; an endpoint without one gets its required fields."""

EXAMPLES_IN_DEVELOPMENT: Mapping[str, Mapping[str, Any]] = {"registerUser": {"auth_token": "dev:ada"}}

VARIABLES = {"receiver_id": "RECEIVER", "live_streaming_id": "STREAM", "transaction_id": "RECEIPT"}
"""Fields whose values another call gives: in the lines for the shell they are the variables that `BEFORE` sets."""

BEFORE = """\
value() { python3 -c "import json, sys; print(json.load(sys.stdin)['msg']$1)"; }

# ada, who calls, and a receipt of the sandbox store
TOKEN=$(curl -s SERVER/api/registerUser -d '{"auth_token": "dev:ada"}' | value "['User']['auth_token']")
RECEIPT=$(curl -s SERVER/sandbox/purchases -H "Authorization: Bearer $TOKEN" -d '{"coin": 100}' | value "['transaction_id']")

# ben, who is live
BEN=$(curl -s SERVER/api/registerUser -d '{"auth_token": "dev:ben"}' | value "['User']['auth_token']")
STREAM=$(curl -s SERVER/api/liveStream -H "Authorization: Bearer $BEN" -d '{}' | value "['LiveStreaming']['id']")
RECEIVER=$(curl -s SERVER/api/showUserDetail -d '{"username": "ben"}' | value "['User']['id']")"""
"""Development mode: what the examples for the shell need, run once."""

CODES = {
    DONE: "Done. `msg` is as the endpoint describes it.",
    REFUSED: "Refused, for a reason to show: not enough coins, no user of that name, called too often …",
    WRONG_KEY: "Unknown API key.",
    MALFORMED: "The request is malformed. The sentence names the field.",
    NO_SESSION: "No session, or one that is not valid any more.",
    NOT_FOUND: "There is no such endpoint, it is not served yet, or there is no such stream.",
    FAILED: "Something failed on the server's side. The same call may work in a moment.",
    LOG_OUT: "As 401, for the Android apps: they sign out on this code only.",
}

SHORTLY = {
    DONE: "done",
    WRONG_KEY: "unknown API key",
    MALFORMED: "malformed request",
    NO_SESSION: "no valid session",
    FAILED: "a fault of the server's",
    LOG_OUT: "no valid session, for the Android apps",
}

IN_DEVELOPMENT = {
    "403": "Development mode only: a page of another site sent this request.",
    "421": "Development mode only: the request's `Host` is not a name of this machine.",
}
TOO_OFTEN = "Too many requests from this address; wait for `Retry-After` seconds."
