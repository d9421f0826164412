"""What MediaMTX calls, on a listener of its own: `/hooks/auth` and `/hooks/event`.

MediaMTX (v1.20.1) asks `/hooks/auth` from inside the one loop that runs all its paths, over a new connection each time: while we think,
everybody waits. So there is no application and no router here, the answer comes from memory, and nothing has a side effect.
"""

from __future__ import annotations

import asyncio
import base64
import functools
import hmac
import logging
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from urllib.parse import parse_qs

import msgspec
from aiohttp import web
from aiohttp.http import HttpProcessingError

from control_plane.config.secrets import Keyring
from control_plane.observe.metrics import Metrics
from control_plane.streams.access import AccessRequest, Action, Verdict
from control_plane.streams.media.api_password import api_password
from control_plane.streams.media.model import PathName, SourceId
from control_plane.streams.media.reconciler import Hint

log = logging.getLogger(__name__)

USER = "mediamtx"
"""The name in the basic authentication of both calls; the hook secret is its password."""
LARGEST_BODY = 16 * 1024
LONGEST_ID = 64
"""Of a connection: MediaMTX's are UUIDs of 36 characters. They are kept, so they must not be of any length."""
BODY_WITHIN_S = 5.0
"""MediaMTX sends head and body at once, and gives an answer ten seconds."""
LOGGED_PER_S = 20
"""Lines about refusals, of publishers and of all others each: strangers who ask for pages of HLS must not hide a publisher's wrong key."""
_LONG = re.compile(r"[^/.]{17,}")
"""Longer than any part of a path of ours, such as live/2147483647-opus; a stream key has 52 characters."""

API = "api"
"""The action for which MediaMTX asks before it answers a call of its control API. Ours carry `api_password`."""

ACTIONS = {action.value: action for action in Action}

Decide = Callable[[AccessRequest], Awaitable[Verdict]]


class AuthCall(msgspec.Struct, frozen=True):
    """Body of MediaMTX's auth request (v1.20.1, internal/auth/manager.go); what we do not look at is left out. `query` holds the key."""

    action: str
    path: str
    query: str = ""
    token: str = ""
    password: str = ""
    protocol: str = ""
    id: str | None = None


class EventCall(msgspec.Struct, frozen=True):
    """Body of what `send_event.py` posts."""

    event: str
    path: str
    source_type: str = ""
    source_id: str = ""


_auth_decoder = msgspec.json.Decoder(AuthCall)
_event_decoder = msgspec.json.Decoder(EventCall)


class HooksListener:
    """The handler of a bare `web.Server`."""

    def __init__(self, keyring: Keyring, decide: Decide, hint: Callable[[Hint], None], metrics: Metrics) -> None:
        self._allowed = [_basic(USER, secret.value.hex()) for secret in keyring.secrets]
        self._api_passwords = [api_password(secret.value.hex()).encode() for secret in keyring.secrets]
        self._decide = decide
        self._hint = hint
        self._metrics = metrics
        self._publishers_logged_at: deque[float] = deque(maxlen=LOGGED_PER_S)
        self._others_logged_at: deque[float] = deque(maxlen=LOGGED_PER_S)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        offered = request.headers.get("Authorization", "").encode(errors="surrogateescape")
        if not any(hmac.compare_digest(offered, allowed) for allowed in self._allowed):
            return _answer(401, "hook_secret_wrong")
        if request.method != "POST" or (request.content_length or 0) > LARGEST_BODY:
            return _answer(400, "malformed")
        try:
            if request.path == "/hooks/auth":
                return await self._auth(_auth_decoder.decode(await _body(request)))
            if request.path == "/hooks/event":
                return self._event(_event_decoder.decode(await _body(request)))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, HttpProcessingError, web.RequestPayloadError):
            return _answer(400, "malformed")
        except TimeoutError:
            return _answer(408, "body_late")
        return _answer(404, "unknown_hook")

    async def _auth(self, call: AuthCall) -> web.StreamResponse:
        started = time.perf_counter()
        action = ACTIONS.get(call.action)
        if call.action == API:
            verdict = self._may_use_api(call.password)
        elif action is None:
            verdict = Verdict.NOT_OURS
        else:
            verdict = await self._decide(_request(action, call))
        self._metrics.auth.count(
            (action or (API if call.action == API else "other"), verdict), time.perf_counter() - started
        )
        if verdict is Verdict.ALLOW:
            return _answer(204)
        self._log_refusal(call, verdict)
        return _answer(401, verdict.value)

    def _may_use_api(self, password: str) -> Verdict:
        """From memory: MediaMTX's control API is never called from here, which would ask again."""
        if not password:
            return Verdict.KEY_MISSING
        offered = password.encode(errors="surrogatepass")
        known = any(hmac.compare_digest(offered, allowed) for allowed in self._api_passwords)
        return Verdict.ALLOW if known else Verdict.KEY_WRONG

    def _event(self, call: EventCall) -> web.StreamResponse:
        if call.event not in {"online", "offline"}:
            return _answer(400, "unknown_event")
        self._metrics.hook_events.labels(call.event).inc()
        source_id = SourceId(call.source_id) if call.source_id else None
        self._hint(Hint(PathName(call.path), call.event == "online", source_id))
        return _answer(204)

    def _log_refusal(self, call: AuthCall, verdict: Verdict) -> None:
        """Not more than a few a second: a flood of strangers must not become a flood of lines."""
        now = time.monotonic()
        logged_at = self._publishers_logged_at if call.action == Action.PUBLISH else self._others_logged_at
        if len(logged_at) < LOGGED_PER_S or now - logged_at[0] > 1:
            logged_at.append(now)
            log.warning(
                "access_refused",
                extra={
                    "action": call.action,
                    "path": _shown(call.path),
                    "protocol": call.protocol,
                    "why": verdict.value,
                },
            )


async def _body(request: web.BaseRequest) -> bytes:
    if request.content.is_eof():  # as nearly always: it is all here
        return await request.read()
    async with asyncio.timeout(BODY_WITHIN_S):
        return await request.read()


class _Answer(web.StreamResponse):
    """MediaMTX looks at the status alone. aiohttp would make a head from a dictionary, line by line, which takes longer than the decision.
    Each call comes over a connection of its own: to close it with the answer is a tenth less work than to wait for its other end."""

    def __init__(self, whole: bytes) -> None:
        super().__init__()
        self._whole = whole

    @property
    def keep_alive(self) -> bool:
        return False

    async def prepare(self, request: web.BaseRequest) -> None:
        self._writer = request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        await self._writer.write(self._whole)


def _answer(status: int, text: str = "") -> _Answer:
    return _Answer(_whole(status, text))


@functools.cache
def _whole(status: int, text: str) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", "Connection: close"]
    if text:
        lines += ["Content-Type: text/plain; charset=utf-8", f"Content-Length: {len(text)}"]
    return "\r\n".join([*lines, "", text]).encode()


def _request(action: Action, call: AuthCall) -> AccessRequest:
    source_id = SourceId(call.id) if call.id and len(call.id) <= LONGEST_ID else None
    return AccessRequest(action, PathName(call.path), _offered_keys(call), source_id)


def _offered_keys(call: AuthCall) -> tuple[str, ...]:
    """At most three. RTMP and RTSP give the query's token in `token`, SRT the password there; of HLS and WebRTC only the raw query has it,
    next to an Authorization header that an HTTP client may have added for a reason of its own."""
    keys = dict.fromkeys(key for key in (call.token, call.password, _query_token(call.query)) if key)
    return tuple(keys)


def _query_token(query: str) -> str:
    if "token=" not in query:
        return ""
    try:
        values = parse_qs(query, max_num_fields=20).get("token", [])
    except ValueError:
        return ""
    return values[0] if len(values) == 1 else ""


def _shown(path: str) -> str:
    """For the log. Encoders are set up wrongly with the key in the path: what is as long as a part of one is masked."""
    return _LONG.sub("***", path)[:80]


def _basic(user: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())
