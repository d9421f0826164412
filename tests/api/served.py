"""The contract's listener with endpoints that a test defines, over the real parts of a server and a database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from api.contract.dispatch import Dispatcher
from api.contract.endpoint import Registry, Section
from api.contract.platform import Platform
from api.http.urls import Urls
from control_plane.config.secrets import API_KEYS as API_KEY_NAMES
from control_plane.config.secrets import load_or_create
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.observe.metrics import Metrics
from stagedoor.parts.live import live
from stagedoor.parts.money import payments
from stagedoor.parts.platform import platform
from stagedoor.parts.push import pushing
from stagedoor.parts.storage import storage, stored
from stagedoor.parts.streams import streams
from stagedoor.parts.videos import video_addresses
from tests.control_plane.streams.fake_media import FakeMedia

URLS = Urls("live.example.com", 8080, 1935, 8888, 8889, 8890)
API_KEYS = {client: f"the key of {client}" for client in API_KEY_NAMES}


@asynccontextmanager
async def served(
    dsn: str, database: Database, folder: Path, *sections: Section, **options: Any
) -> AsyncIterator[tuple[TestClient[web.Request, web.Application], Platform]]:
    """A client of these endpoints. `options` are settings. Nothing runs in the background, no other process is started."""
    settings = Settings(**{"dev": True, "data_dir": folder, "probes": 0, "body_limit": 10_000, **options})
    secrets = load_or_create(settings.secrets_path)
    metrics = Metrics()
    urls = replace(URLS, video_addresses=video_addresses(secrets))
    async with AsyncExitStack() as stack:
        delivery = await stack.enter_async_context(live(dsn, database, metrics))
        on_air = await stack.enter_async_context(
            streams(settings, secrets, database, delivery, FakeMedia(), urls, metrics)
        )
        files = stored(storage(settings), settings, secrets, database)
        push = await stack.enter_async_context(pushing(settings, secrets, database, urls, metrics))
        sold = await stack.enter_async_context(payments(settings, secrets, database, urls, metrics))
        used = platform(settings, secrets, database, delivery, on_air, files, urls, API_KEYS, metrics, push, sold)
        dispatcher = Dispatcher(Registry(sections), used)
        app = web.Application(client_max_size=settings.body_limit)
        app.router.add_route("*", "/{path:.*}", dispatcher.handle)
        yield await stack.enter_async_context(TestClient(TestServer(app))), used
