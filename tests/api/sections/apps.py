"""The apps, as the tests of endpoints call the server: each answer is checked by the decoder of its app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient

from api.contract.client import Client
from api.contract.platform import Platform
from api.sections import SECTIONS
from control_plane.accounts import store
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from tests.api.sections.posting import posted
from tests.api.served import served


class Apps:
    def __init__(self, http: TestClient[web.Request, web.Application], platform: Platform) -> None:
        self.http = http
        self.platform = platform

    async def call(
        self, endpoint: str, token: str = "", app: Client = Client.DOCUMENT, *, headers: Any = None, **body: Any
    ) -> dict[str, Any]:
        """The answer, which `app` can decode."""
        return await posted(self.http, endpoint, app, token, headers=headers, json=body)

    async def done(self, endpoint: str, token: str = "", app: Client = Client.DOCUMENT, **body: Any) -> Any:
        answer = await self.call(endpoint, token, app, **body)
        assert answer["code"] == 200, answer
        return answer["msg"]

    async def sign_in(self, name: str, app: Client = Client.DOCUMENT, **options: Any) -> str:
        profile = await self.done("registerUser", app=app, auth_token=f"dev:{name}", **options)
        token: str = profile["User"]["auth_token"]
        return token

    async def id_of(self, token: str) -> UserId:
        caller = await self.platform.accounts.sessions.identify(token)
        assert caller is not None
        return caller.user_id

    async def ban(self, user_id: UserId) -> None:
        async with self.platform.database.transaction() as connection:
            assert await store.ban(connection, user_id)
        await self.platform.accounts.sessions.revoke_all(user_id)  # the bus, which tells of a ban, does not run here


@asynccontextmanager
async def apps_of(dsn: str, database: Database, folder: Path, **settings: Any) -> AsyncIterator[Apps]:
    async with served(dsn, database, folder, *SECTIONS, **settings) as (http, platform):
        yield Apps(http, platform)
