"""The whole public application, with pages, live socket and bus, over the real parts of a server and a database. No media
server runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from api.app import make_app
from api.contract.platform import Platform
from api.pages import Pages
from control_plane.base.workers import Workers
from control_plane.config.secrets import load_or_create
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.gifts.store import seed_catalogue
from control_plane.observe.metrics import Metrics
from stagedoor.parts.http import live_socket, personal_socket
from stagedoor.parts.live import Live, following, live
from stagedoor.parts.money import payments
from stagedoor.parts.platform import platform
from stagedoor.parts.push import pushing
from stagedoor.parts.storage import storage, stored
from stagedoor.parts.streams import media_directory, streams
from stagedoor.parts.videos import video_addresses
from tests.api.served import API_KEYS, URLS
from tests.control_plane.streams.fake_media import FakeMedia


@dataclass
class Whole:
    client: TestClient[web.Request, web.Application]
    platform: Platform
    database: Database
    delivery: Live
    pages: Pages

    async def next_second(self) -> None:
        """The table of streams is read again, and `/live` makes its pages again."""
        await self.platform.streams.running.load()
        self.pages._live._good_until = float("-inf")


async def _no_player() -> bytes:
    return b""


@asynccontextmanager
async def whole(dsn: str, database: Database, folder: Path, **options: Any) -> AsyncIterator[Whole]:
    settings = Settings(**{"dev": True, "data_dir": folder, "probes": 0, **options})
    secrets, metrics, workers = load_or_create(settings.secrets_path), Metrics(), Workers()
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
        async with database.transaction() as connection:
            await seed_catalogue(connection)
        pages = Pages(used, delivery.hub.viewers, _no_player)
        sockets = await stack.enter_async_context(live_socket(used, delivery, workers))
        personal = await stack.enter_async_context(personal_socket(used, delivery, workers))
        await stack.enter_async_context(following(delivery, workers))
        await delivery.bus.connected.wait()
        app = make_app(used, sockets, personal, pages, {}, media_directory(settings))
        client = await stack.enter_async_context(TestClient(TestServer(app)))
        stack.push_async_callback(sockets.close_all)
        yield Whole(client, used, database, delivery, pages)
