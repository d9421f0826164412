"""The HTTP application of the public listener: its routes, rate limits, refusals and security headers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from importlib.resources import files as resources
from pathlib import Path
from urllib.parse import unquote

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from api.callbacks import apple, stores
from api.callbacks.apple import AppleCallbacks
from api.callbacks.stores import StoreNotifications
from api.contract.answer import HEADERS, envelope
from api.contract.dispatch import Dispatcher
from api.contract.errors import MALFORMED, NOT_FOUND, REFUSED, TooManyRequests
from api.contract.limits import UnderWay
from api.contract.platform import Platform
from api.documentation import ASSETS, Documentation
from api.health.checks import Check, Health
from api.http.address import client_address, is_limited, limit_key
from api.http.cookies import PUBLIC_URL, own_origin
from api.http.files import FileRoutes
from api.http.urls import Urls, is_addressed_to_us
from api.http.video_files import VideoFileRoutes
from api.live_socket.route import LiveSocket
from api.pages import Pages
from api.pages.provider_sign_in import CALLBACK as PROVIDER_CALLBACK
from api.personal_socket.route import PersonalSocket
from api.sections import registry
from api.sections.sandbox import sandbox_routes
from api.uploads.route import UploadRoutes
from control_plane.base.rate_limit import RateLimit
from control_plane.config.settings import Settings

SERVER = "stagedoor"
GIFT_PICTURES = Path(str(resources("control_plane.gifts"))) / "artwork"
SLIDER_PICTURES = Path(str(resources("control_plane.content"))) / "artwork"
CACHE_S = 3600
"""How long browsers cache files under `/static/` and `/media/`. Larger shows replaced files late, smaller costs
requests."""
_SEPARATOR = re.compile(r"[/\\]")
PAGES_UNDER_WAY = 2048
"""Concurrent requests for pages. Smaller refuses requests at peak load; larger uses more memory under a flood."""
CODE_OF_STATUS = {404: NOT_FOUND, 429: REFUSED}
FILES = ("/static", "/media")
"""Files are open to everybody and cost little."""
VIDEO_FILES = "/videos/"
FILES_OF_A_CALL = 20
"""Requests for files of videos for each allowed call: a page of a feed has forty files, and a player asks for ranges. More:
one address asks the database more. Fewer: viewers behind one address wait for their videos."""
CONTRACT = "/api/"
ALIVE, ANY_OTHER = "/healthz", "/{path}"
SOCKETS = "/ws/"
"""Path prefix of sockets. They stay open for long, so they have their own limit of concurrent connections."""


def make_app(
    platform: Platform,
    live_socket: LiveSocket,
    personal_socket: PersonalSocket,
    pages: Pages,
    checks: dict[str, Check],
    media_dir: Path,
) -> web.Application:
    """`media_dir` has the files under `/media/` that are not in storage."""
    checking = _checking(platform.settings, platform.urls, pages)
    app = web.Application(client_max_size=platform.settings.body_limit, middlewares=[checking])
    app.on_response_prepare.append(_safe_headers)
    app[PUBLIC_URL] = platform.urls.public_url
    endpoints = registry(dev=platform.settings.dev)
    dispatcher = Dispatcher(endpoints, platform)
    health = Health(platform, checks)
    documentation = Documentation(endpoints, platform.urls, dev=platform.settings.dev)
    files = FileRoutes(media_dir, platform.stored, platform.database)
    app.add_routes(
        [
            web.get(ALIVE, health.alive),
            web.get("/readyz", health.ready),
            web.get("/metrics", health.metrics),
            web.post(apple.PATH, AppleCallbacks(platform.accounts.apple_events).take),
            web.post(stores.PATH, StoreNotifications(platform.payments.notifications).take),
            web.get("/ws/live/{id}", live_socket.handle),
            web.get("/ws/me", personal_socket.handle),
            web.get("/openapi.json", documentation.openapi),
            web.get("/asyncapi.json", documentation.asyncapi),
            web.get("/docs", documentation.page),
            web.static("/static/docs", ASSETS),
            *pages.routes(),
            web.static("/static/gifts", GIFT_PICTURES),
            web.static("/static/sliders", SLIDER_PICTURES),
            *files.routes(),
            *VideoFileRoutes(files, platform.videos.addresses, platform.database).routes(),
            *UploadRoutes(platform).routes(),
            *(sandbox_routes(platform) if platform.settings.dev else []),
            *(web.post(f"/api/{endpoint.name}", dispatcher.handler(endpoint)) for endpoint in endpoints.endpoints),
            web.route("*", "/{path:.*}", _contract(dispatcher)),
        ]
    )
    return app


def _contract(dispatcher: Dispatcher) -> Handler:
    """Handles all other paths as calls of the contract, which apps send with and without `/api`."""

    async def handle(request: web.Request) -> web.StreamResponse:
        first = request.path.lstrip("/").split("/", 1)[0].lower()
        if first == "hooks" or (request.method != "POST" and first != "api"):
            raise web.HTTPNotFound(text="There is nothing here.\n")
        return await dispatcher.handle(request)

    return handle


def _checking(settings: Settings, urls: Urls, pages: Pages) -> Middleware:
    """The checks of every request, and the format of HTTP errors, also those of aiohttp's file handler: a page for
    browsers, an envelope under `/api`, else plain text. One middleware, because each costs every call some
    microseconds."""
    limits = _PageLimits(settings)

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if _has_dot_segments(request.raw_path):
                raise web.HTTPNotFound(text="There is nothing here.\n")
            route = _route_of(request)
            if settings.dev and not route.startswith(FILES):
                _check_names(request, route, urls)
            if route in (ALIVE, ANY_OTHER) or route.startswith(CONTRACT):
                return await handler(request)
            if not route.startswith(FILES):
                return await limits.handle(request, route, handler)
            response = await handler(request)
            # aiohttp notices a missing file only while it sends the response, too late for another one.
            if isinstance(response, web.FileResponse) and not _is_there(request):
                raise web.HTTPNotFound(text="There is nothing here.\n")
            return response
        except web.HTTPClientError as refusal:
            text = (refusal.text or "").strip()
            kept = {name: value for name in ("Allow", "Retry-After") if (value := refusal.headers.get(name))}
            return _refusal(request, pages, refusal.status, text, kept)

    return check


class _PageLimits:
    """Limits the requests of one address for pages, most of which query the database. The contract has its own limits,
    files need none, and those of videos a higher one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._often = RateLimit(settings.address_rate)
        self._often_files = RateLimit(settings.address_rate * FILES_OF_A_CALL)
        self._under_way = UnderWay(settings.calls_per_address, PAGES_UNDER_WAY)

    async def handle(self, request: web.Request, route: str, handler: Handler) -> web.StreamResponse:
        address = client_address(request, self._settings.trusted_proxies)
        key = limit_key(address) if is_limited(address, self._settings) else None
        often = self._often_files if route.startswith(VIDEO_FILES) else self._often
        if key is not None and (wait_s := often.wait_s(key)):
            raise _too_many(wait_s)
        if route.startswith(SOCKETS):
            return await handler(request)
        with self._under_way.one(key) as room:
            if not room:
                raise _too_many(1.0)
            return await handler(request)


def _route_of(request: web.Request) -> str:
    """The path as the route was declared; "" where no route fits."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


def _too_many(wait_s: float) -> web.HTTPTooManyRequests:
    return web.HTTPTooManyRequests(text=f"{TooManyRequests(wait_s)}\n", headers={"Retry-After": f"{math.ceil(wait_s)}"})


def _has_dot_segments(path: str) -> bool:
    """Whether the raw path has `.` or `..` segments, encoded ones included. Such a path can bypass path rules of a
    proxy, and no path of this server has any."""
    if "." not in path and "%" not in path:
        return False
    bare = unquote(path.partition("?")[0].partition("#")[0])
    return any(segment in {".", ".."} for segment in _SEPARATOR.split(bare))


def _is_there(request: web.Request) -> bool:
    """Whether the file of a static route exists. The routes of storage have looked themselves."""
    resource = request.match_info.route.resource
    if not isinstance(resource, web.StaticResource):
        return True
    directory: Path = resource.get_info()["directory"]
    return (directory / request.match_info["filename"]).is_file()


def _refusal(
    request: web.Request, pages: Pages, status: int, text: str, headers: Mapping[str, str]
) -> web.StreamResponse:
    first = request.path.lstrip("/").split("/", 1)[0].lower()
    if first == "api":
        body = envelope(CODE_OF_STATUS.get(status, MALFORMED), text, {})
        return web.Response(body=body, status=status, headers={**HEADERS, **headers})
    if first != "hooks" and "text/html" in request.headers.get("Accept", ""):
        response = pages.refusal(request, status, text)
        response.headers.update(headers)
        return response
    return web.Response(text=f"{text}\n", status=status, headers={"Cache-Control": "no-store", **headers})


def _check_names(request: web.Request, route: str, urls: Urls) -> None:
    """Protect development mode, which needs no password, from pages of other sites in the developer's browser.

    DNS rebinding: a foreign name that resolves to this machine is refused by its Host header. Cross-site requests:
    forms and `no-cors` requests need no preflight, but browsers send their origin. Static files are public, so they are
    not checked."""
    if not is_addressed_to_us(request.headers.get("Host", ""), urls):
        raise web.HTTPMisdirectedRequest(
            text="In development mode this server answers to local names only. Use localhost or its LAN address.\n"
        )
    if _is_cross_site(request) and route != PROVIDER_CALLBACK:
        raise web.HTTPForbidden(text="In development mode pages of other sites may not call this server.\n")


def _is_cross_site(request: web.Request) -> bool:
    """Whether a page of another site sent this request. Apps and command-line tools send neither header. Following a
    link from another site is allowed."""
    headers = request.headers
    if "Origin" in headers and own_origin(request) is None:
        return True
    if headers.get("Sec-Fetch-Site", "").lower() not in ("cross-site", "same-site"):
        return False
    is_link = headers.get("Sec-Fetch-Mode") == "navigate" and headers.get("Sec-Fetch-Dest") == "document"
    return not (is_link and request.method in ("GET", "HEAD"))


async def _safe_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = SERVER
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    if request.path.startswith(("/static/", "/media/")):
        response.headers.setdefault("Cache-Control", f"public, max-age={CACHE_S}")
