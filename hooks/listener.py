"""HTTP listener for MediaMTX's hooks: the auth callback `/hooks/auth`, and `/hooks/event`.

MediaMTX (v1.20.1) calls `/hooks/auth` from the loop that runs all its paths, over a new connection each time. All
publishers and viewers wait for the answer. So there is no aiohttp application and no router, the answer comes from
memory, and it has no side effects.
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

from control_plane.base.signing import Keyring
from control_plane.streams.access import AccessRequest, Action, Verdict
from control_plane.streams.media.api_password import api_password
from control_plane.streams.media.model import PathName, SourceId
from control_plane.streams.media.reconciler import Hint
from hooks.metrics import HookMetrics

log = logging.getLogger(__name__)

USER = "mediamtx"
"""User name in the Basic auth of both calls; the hook secret is the password."""
LARGEST_BODY = 16 * 1024
LONGEST_ID = 64
"""Maximum length of a connection id. MediaMTX's are UUIDs of 36 characters. Ids are stored, so they are bounded."""
BODY_WITHIN_S = 5.0
"""Timeout for a request body. MediaMTX sends head and body at once, and waits 8 s for an answer
(its read timeout)."""
LOGGED_PER_S = 20
"""Refusals logged per second, for publishers and for all other callers each. Two budgets, so that a flood of refused
HLS requests does not hide a publisher's wrong key. Larger: such a flood fills the log."""
_LONG = re.compile(r"[^/.]{17,}")
"""Longer than any part of our paths, such as live/2147483647-opus. A stream key has 52 characters."""

API = "api"
"""Action of the auth callback for a call of MediaMTX's control API. Our calls carry `api_password`."""

ACTIONS = {action.value: action for action in Action}

Decide = Callable[[AccessRequest], Awaitable[Verdict]]


class AuthCall(msgspec.Struct, frozen=True):
    """Body of MediaMTX's auth callback (v1.20.1, internal/auth/manager.go), without the fields that we ignore.

    `query` contains the stream key.
    """

    action: str
    path: str
    query: str = ""
    token: str = ""
    password: str = ""
    protocol: str = ""
    id: str | None = None


class EventCall(msgspec.Struct, frozen=True):
    """Body that `send_event.py` posts."""

    event: str
    path: str
    source_type: str = ""
    source_id: str = ""


_auth_decoder = msgspec.json.Decoder(AuthCall)
_event_decoder = msgspec.json.Decoder(EventCall)


class HooksListener:
    """Request handler for an `aiohttp.web.Server` without an application."""

    def __init__(self, keyring: Keyring, decide: Decide, hint: Callable[[Hint], None], metrics: HookMetrics) -> None:
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
        self._metrics.decided(
            action or (API if call.action == API else "other"), verdict, time.perf_counter() - started
        )
        if verdict is Verdict.ALLOW:
            return _answer(204)
        self._log_refusal(call, verdict)
        return _answer(401, verdict.value)

    def _may_use_api(self, password: str) -> Verdict:
        """Decide from memory. Calling the control API here would trigger another auth callback."""
        if not password:
            return Verdict.KEY_MISSING
        offered = password.encode(errors="surrogatepass")
        known = any(hmac.compare_digest(offered, allowed) for allowed in self._api_passwords)
        return Verdict.ALLOW if known else Verdict.KEY_WRONG

    def _event(self, call: EventCall) -> web.StreamResponse:
        if call.event not in {"online", "offline"}:
            return _answer(400, "unknown_event")
        self._metrics.received(call.event)
        source_id = SourceId(call.source_id) if call.source_id else None
        self._hint(Hint(PathName(call.path), call.event == "online", source_id))
        return _answer(204)

    def _log_refusal(self, call: AuthCall, verdict: Verdict) -> None:
        """Log a refusal, at most `LOGGED_PER_S` a second, so that a flood of requests does not flood the log."""
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
    if request.content.is_eof():  # the usual case; it saves the cost of a timeout
        return await request.read()
    async with asyncio.timeout(BODY_WITHIN_S):
        return await request.read()


class _Answer(web.StreamResponse):
    """A response that is precomputed bytes, head included. MediaMTX reads the status only.

    aiohttp builds a head from a dictionary, which takes longer than the decision. Each call has a connection of its
    own, and closing it with the answer takes a tenth less CPU than waiting for MediaMTX to close it.
    """

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
    return AccessRequest(action, PathName(call.path), _offered_keys(call), source_id, call.protocol)


def _offered_keys(call: AuthCall) -> tuple[str, ...]:
    """The keys in a call, three at most.

    `token` has the query's token for RTMP and RTSP, and the password for SRT. For HLS and WebRTC only the raw query has
    the key, and an HTTP client may have added an unrelated Authorization header.
    """
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
    """The path for the log. Misconfigured encoders put the stream key into the path, so long parts are masked."""
    return _LONG.sub("***", path)[:80]


def _basic(user: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:{password}".encode())
