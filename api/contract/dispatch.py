"""The dispatcher: routes an HTTP request to its endpoint and writes the envelope.

Everything common to all endpoints is here: client detection, rate limits, session, request parsing, timeout, error
codes, metrics and the access log.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import math
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from api.contract.answer import answer, envelope
from api.contract.call import NO_UPLOADS, Call
from api.contract.client import Client, detect
from api.contract.endpoint import Access, Beside, Endpoint, IosRefusal, Registry, unserved
from api.contract.errors import (
    DONE,
    FAILED,
    CallerDiffers,
    EndpointUnknown,
    SessionMissing,
    TooManyRequests,
    contract_code,
)
from api.contract.limits import UnderWay
from api.contract.metrics import CallMetrics
from api.contract.platform import Platform
from api.contract.request import MalformedRequest, decode_object, named_caller, parse, read_body
from api.http.address import client_address, is_limited, limit_key
from api.http.bearer import bearer_token
from api.http.cookies import page_token
from api.http.uploads import Upload, drain, is_form, received
from api.http.urls import urls_for
from control_plane.accounts.caller import Caller
from control_plane.accounts.session_store import session_state
from control_plane.accounts.sessions import AccountBlocked
from control_plane.accounts.store import id_by_identity
from control_plane.accounts.user import Identity
from control_plane.base.errors import ControlPlaneError
from control_plane.base.ids import UserId
from control_plane.base.rate_limit import RateLimit
from control_plane.observe.logs import request_id

log = logging.getLogger(__name__)

DEADLINE_S = 30.0
"""Timeout of one call. Smaller fails gifts, which wait up to 15 s for the database; larger keeps hung calls longer."""
UPLOAD_DEADLINE_S = 1800.0
"""With a multipart form: 200 MB over 1 Mbit/s. One that stalls ends long before."""
LARGE_WITHIN_S = 90.0
"""Timeout for reading a body above LIVE_BODY_LIMIT: 8 MB over 1 Mbit/s."""
LARGE_PER_ADDRESS, LARGE = 4, 16
"""Concurrent calls with such bodies, from one address and from all: each may hold 8 MiB three times. Smaller refuses
uploads at peak load; larger needs memory."""
OPEN_UPLOADS = 4
"""Unfinished forms of one user. Smaller refuses users with several phones; larger lets one user take more of the disk."""
UNDER_WAY = 4096
"""Concurrent calls of all clients. Smaller refuses calls at peak load; larger uses more memory under a flood."""
UNFINISHED_PER_ADDRESS, UNFINISHED = 32, 256
"""Concurrent calls whose body has not fully arrived, from one address and from all: each may hold LIVE_BODY_LIMIT
bytes. The apps' bodies arrive with their heads and do not count. Smaller refuses slow clients; larger needs memory."""
RETRY_S = 1.0
"""`Retry-After` of a call that is refused because too many calls are running. It is an estimate: calls are short."""
NO_TOKEN = {"", "0", "null", "(null)", "nil"}
"""What the apps send as `Auth-Token` while they have no session."""
PATHS = 1024
"""Size of the LRU cache from request paths to endpoints. Apps use few paths; a client that tries many evicts them."""
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_PROCESS = secrets.token_hex(4)
_numbers = itertools.count(1)


class _Incoming(NamedTuple):
    """A request and what is known of it before its body is read."""

    request: web.Request
    endpoint: Endpoint
    client: Client
    address: str
    key: str | None
    """What limits per address count by; None for an address without limits."""
    arrived: float
    """By `time.perf_counter`."""


class _Who(NamedTuple):
    caller: Caller | None
    proven: bool
    token: str
    """The session token of the headers, "" without."""


class Dispatcher:
    """Handles the calls of all endpoints in the registry."""

    def __init__(self, registry: Registry, platform: Platform) -> None:
        self._find = functools.lru_cache(maxsize=PATHS)(registry.find)
        self._platform = platform
        self._metrics = CallMetrics(platform.metrics)
        self._address_limit = RateLimit(platform.settings.address_rate)
        self._under_way = UnderWay(platform.settings.calls_per_address, UNDER_WAY)
        self._unfinished = UnderWay(UNFINISHED_PER_ADDRESS, UNFINISHED)
        self._large = UnderWay(LARGE_PER_ADDRESS, LARGE)
        self._uploads = UnderWay(OPEN_UPLOADS, UNFINISHED)

    def handler(self, endpoint: Endpoint) -> Handler:
        """The handler for the canonical path of an endpoint, which needs no lookup."""
        return functools.partial(self._handle, endpoint)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Handles every other spelling of an endpoint's path, and unknown paths."""
        return await self._handle(self._find(request.path), request)

    async def _handle(self, endpoint: Endpoint | None, request: web.Request) -> web.StreamResponse:
        unserved_name = unserved(request.path) if endpoint is None else ""
        name = endpoint.name if endpoint else unserved_name or "unknown"
        started = time.perf_counter()
        number = _request_id(request)
        request_id.set(number)
        client = Client.DOCUMENT
        top_level = endpoint.top_level if endpoint else {}
        extra: dict[str, str] = {}
        try:
            form = endpoint is not None and endpoint.takes_form
            client = detect(request.headers, self._platform.api_keys, form=form)
            if endpoint is None:
                raise EndpointUnknown(
                    f"{unserved_name} is not served by this release." if unserved_name else "There is no such endpoint."
                )
            async with asyncio.timeout(_deadline_s(endpoint, request)):
                msg = await self._answer(request, endpoint, client, started)
            if isinstance(msg, Beside):
                msg, top_level = msg.msg, {**top_level, **msg.top_level}
            code = DONE
        except ControlPlaneError as refusal:
            code, msg, top_level = contract_code(refusal, client), str(refusal), {**top_level, **refusal.beside}
            if isinstance(refusal, TooManyRequests):
                extra["Retry-After"] = str(math.ceil(refusal.retry_after_s))
            if code == FAILED:
                cause = type(refusal.__cause__).__name__ if refusal.__cause__ else ""  # such as DiskFullError
                log.warning("call_failed", extra={"endpoint": name, "why": refusal.code, "cause": cause})
        except TimeoutError:
            code, msg = FAILED, "That took too long. Please try again."
            log.error("call_timed_out", extra={"endpoint": name})
        except Exception:
            code, msg = FAILED, f"The server failed. If it happens again, report this number: {number}"
            log.exception("call_broke", extra={"endpoint": name})
        if code != DONE and client is Client.IOS and endpoint is not None and endpoint.ios_refusal is not None:
            code, msg = _without_text(endpoint.ios_refusal, code)
        self._count(request, client, name, code, started)
        return answer(envelope(code, msg, top_level), number, extra)

    async def _answer(self, request: web.Request, endpoint: Endpoint, client: Client, arrived: float) -> Any:
        address = client_address(request, self._platform.settings.trusted_proxies)
        key = limit_key(address) if is_limited(address, self._platform.settings) else None
        if key is not None and (wait_s := self._address_limit.wait_s(key)):
            raise TooManyRequests(wait_s)
        with self._under_way.one(key) as room:
            if not room:
                raise TooManyRequests(RETRY_S)
            return await self._answer_one(_Incoming(request, endpoint, client, address, key, arrived))

    async def _answer_one(self, incoming: _Incoming) -> Any:
        if incoming.request.method != "POST":
            raise MalformedRequest("Use POST.")
        if takes_form(incoming.endpoint, incoming.request):
            return await self._answer_form(incoming)
        if incoming.endpoint.body_limit and not incoming.request.content.is_eof():
            return await self._answer_large(incoming)
        fields = decode_object(await self._body(incoming))
        return await self._call(incoming, await self._caller(incoming, fields), fields)

    async def _answer_form(self, incoming: _Incoming) -> Any:
        """A refusal is answered after the rest of the body was read, unless it is the session's."""
        who = await self._known_before(incoming)
        caller = who.caller if who is not None else await self._of_session(incoming.request)
        try:
            with (
                self._unfinished.one(incoming.key) as room,
                self._uploads.one(caller.user_id if caller is not None else incoming.key) as slot,
            ):
                if not (room and slot):
                    raise TooManyRequests(RETRY_S)
                return await self._answer_known_form(incoming, caller, named_in_form=who is None)
        except ControlPlaneError:
            await drain(incoming.request)
            raise

    async def _answer_known_form(self, incoming: _Incoming, caller: Caller | None, *, named_in_form: bool) -> Any:
        settings, endpoint = self._platform.settings, incoming.endpoint
        if endpoint.before_upload is not None and caller is not None:
            await endpoint.before_upload(self._platform, caller.user_id, incoming.request.content_length or 0)
        folder = settings.uploads_dir
        folder.mkdir(exist_ok=True)
        limits = {name: min(limit, settings.upload_limit) for name, limit in endpoint.uploads.items()}
        space = self._platform.stored.space
        async with received(incoming.request, limits, folder, space, settings.body_limit) as form:
            who = await self._caller(incoming, form.fields, counts=named_in_form)
            return await self._call(incoming, who, form.fields, form.uploads)

    async def _answer_large(self, incoming: _Incoming) -> Any:
        """A JSON body that may be larger than LIVE_BODY_LIMIT. It counts until its call ends, like its memory."""
        named_in_body = await self._known_before(incoming) is None
        limit = max(incoming.endpoint.body_limit, self._platform.settings.body_limit)
        with self._large.one(incoming.key) as room:
            if not room:
                raise TooManyRequests(RETRY_S)
            body = await read_body(incoming.request.clone(client_max_size=limit), LARGE_WITHIN_S)
            fields = await asyncio.to_thread(decode_object, body)  # milliseconds
            return await self._call(incoming, await self._caller(incoming, fields, counts=named_in_body), fields)

    async def _known_before(self, incoming: _Incoming) -> _Who | None:
        """Who calls, before a large body is read. None: old app builds may still name the caller in it."""
        if self._platform.settings.identity_from_body and incoming.endpoint.access is Access.USER:
            return None
        return await self._caller(incoming, {})

    async def _call(
        self, incoming: _Incoming, who: _Who, fields: Mapping[str, Any], uploads: Mapping[str, Upload] = NO_UPLOADS
    ) -> Any:
        request, endpoint, client, address, _, arrived = incoming
        body = parse(endpoint.request, fields)
        urls = urls_for(request.headers.get("Host", ""), self._platform.urls, self._platform.settings)
        token = who.token if who.proven or who.caller is None else ""
        call = Call(
            request,
            client,
            self._platform,
            urls,
            address,
            who.caller,
            who.proven,
            token,
            uploads,
            arrived,
        )
        if who.caller is not None and who.proven:
            self._platform.accounts.last_uses.note(who.caller, lambda: call.use)
        return await endpoint.handler(call, body)

    async def _body(self, incoming: _Incoming) -> bytes:
        if incoming.request.content.is_eof():
            return await read_body(incoming.request)
        with self._unfinished.one(incoming.key) as room:
            if not room:
                raise TooManyRequests(RETRY_S)
            return await read_body(incoming.request)

    async def _caller(self, incoming: _Incoming, fields: Mapping[str, Any], *, counts: bool = True) -> _Who:
        """Who calls. `counts`: whether this takes a token from the user's rate limit."""
        request, endpoint, _, _, key, _ = incoming
        if endpoint.access is Access.OPEN:
            return _Who(None, False, "")
        token = session_token(request)
        caller, proven = await self._identified(endpoint, token or page_token(request) or "", fields)
        if counts and caller is not None and key is not None:
            wait_s = self._platform.user_limit.wait_s(caller.user_id)
            if wait_s:
                raise TooManyRequests(wait_s)
        return _Who(caller, proven, token)

    async def _identified(
        self, endpoint: Endpoint, token: str, fields: Mapping[str, Any]
    ) -> tuple[Caller | None, bool]:
        """Who calls, and whether a session proves it."""
        named = named_caller(endpoint.caller_fields, fields)
        if token and (caller := await self._platform.accounts.sessions.identify(token)) is not None:
            if named is not None and named != caller.user_id and not endpoint.swapped_ids:
                raise CallerDiffers(
                    f"{endpoint.caller_fields[0]} names another user than the one who is signed in. Leave it out."
                )
            return caller, True
        if endpoint.access is not Access.PROVEN and self._platform.settings.identity_from_body:
            unproven = await self._unproven(token, named)
            if unproven is not None:
                return unproven, False
        if endpoint.access is Access.GUEST:
            return None, False
        raise SessionMissing

    async def _of_session(self, request: web.Request) -> Caller | None:
        token = session_token(request) or page_token(request)
        return await self._platform.accounts.sessions.identify(token) if token else None

    async def _unproven(self, token: str, named: UserId | None) -> Caller | None:
        """The caller of an old app build: iOS sends the sign-in library's id as its token, Android only a user id in
        the body. None if there is no such user. Raises AccountBlocked."""
        if token:
            named = await id_by_identity(self._platform.database, Identity("uid", token)) or named
        if named is None:
            return None
        state = await session_state(self._platform.database, named)
        if state is not None and state.banned:
            raise AccountBlocked
        return Caller(named) if state is not None else None

    def _count(self, request: web.Request, client: Client, name: str, code: int, started: float) -> None:
        seconds = time.perf_counter() - started
        self._metrics.answered(name, code, seconds)
        if self._platform.settings.access_log:
            log.info(
                "call",
                extra={
                    "endpoint": name,
                    "code": code,
                    "ms": round(seconds * 1000, 1),
                    "address": client_address(request, self._platform.settings.trusted_proxies),
                    "app": client.value,
                },
            )


def takes_form(endpoint: Endpoint, request: web.Request) -> bool:
    return endpoint.takes_form and is_form(request)


def _deadline_s(endpoint: Endpoint, request: web.Request) -> float:
    if takes_form(endpoint, request) or endpoint.before_upload is not None:  # an upload in parts is stored as slowly
        return UPLOAD_DEADLINE_S
    return DEADLINE_S + endpoint.waits_s + (LARGE_WITHIN_S if endpoint.body_limit else 0)


def _without_text(refusal: IosRefusal, code: int) -> tuple[int, Any]:
    return (code, msgspec.UNSET) if refusal.answers is None else (DONE, refusal.answers)


def session_token(request: web.BaseRequest) -> str:
    """The token that an app sends; "" if it sends none."""
    token = bearer_token(request)
    if token is None:
        token = request.headers.get("Auth-Token", "").strip()
    return "" if token in NO_TOKEN or not token.isascii() else token


def _request_id(request: web.Request) -> str:
    offered = request.headers.get("X-Request-Id", "")
    return offered if _REQUEST_ID.fullmatch(offered) else f"{_PROCESS}{next(_numbers):08x}"
