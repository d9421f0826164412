"""The public listener: which path is served by what."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Middleware

from api.contract.dispatch import Dispatcher
from api.documentation import ASSETS, Documentation
from api.endpoints import registry
from api.health import Check, Health
from api.live_socket import LiveSocket
from api.page_session import PUBLIC_URL
from api.pages import Pages
from api.platform import Platform
from api.urls import Urls, is_addressed_to_us

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

ARTWORK = Path(str(files("control_plane.gifts"))) / "artwork"
CACHE_S = 3600


def make_app(
    platform: Platform, live_socket: LiveSocket, pages: Pages, checks: dict[str, Check], media_dir: Path
) -> web.Application:
    """`media_dir` holds the videos, sounds and pictures that are served under `/media/`, with ranges."""
    app = web.Application(client_max_size=platform.settings.body_limit, middlewares=[_safe_headers])
    if platform.settings.dev:
        app.middlewares.append(_only_by_our_names(platform.urls))
    app[PUBLIC_URL] = platform.urls.public_url
    health = Health(platform, checks)
    endpoints = registry(dev=platform.settings.dev)
    documentation = Documentation(endpoints, platform.urls, dev=platform.settings.dev)
    app.router.add_get("/healthz", health.alive)
    app.router.add_get("/readyz", health.ready)
    app.router.add_get("/metrics", health.metrics)
    app.router.add_get("/ws/live/{id}", live_socket.handle)
    app.router.add_get("/openapi.json", documentation.openapi)
    app.router.add_get("/asyncapi.json", documentation.asyncapi)
    app.router.add_get("/docs", documentation.page)
    app.router.add_static("/static/docs", ASSETS)
    pages.add_to(app.router)
    app.router.add_static("/static/gifts", ARTWORK)
    app.router.add_static("/media", media_dir)
    app.router.add_route("*", "/{path:.*}", _contract(Dispatcher(endpoints, platform)))
    return app


def _contract(dispatcher: Dispatcher) -> Handler:
    """Everything else is the contract's, which apps call with and without `/api`; but a page that does not exist is a plain 404."""

    async def handle(request: web.Request) -> web.StreamResponse:
        first = request.path.lstrip("/").split("/", 1)[0].lower()
        if first == "hooks" or (request.method != "POST" and first != "api"):
            raise web.HTTPNotFound(text="There is nothing here.\n")
        return await dispatcher.handle(request)

    return handle


def _only_by_our_names(urls: Urls) -> Middleware:
    """Development mode lets anybody in who reaches it. A page in the developer's browser, whose name was made to lead to this machine, must
    not: its requests carry that name as their host."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_addressed_to_us(request.headers.get("Host", ""), urls):
            raise web.HTTPMisdirectedRequest(text="In development mode this server answers to local names only.\n")
        return await handler(request)

    return check


@web.middleware
async def _safe_headers(request: web.Request, handler: Handler) -> web.StreamResponse:
    response = await handler(request)
    if not response.prepared:
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "no-referrer")
        if request.path.startswith(("/static/", "/media/")):
            response.headers.setdefault("Cache-Control", f"public, max-age={CACHE_S}")
    return response
