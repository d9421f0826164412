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
from control_plane.accounts import bans_store
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from tests.api.sections.posting import posted
from tests.api.served import served
from tests.control_plane.watched_database import WatchedDatabase

APPS = list(Client)


class Apps:
    def __init__(self, http: TestClient[web.Request, web.Application], platform: Platform) -> None:
        self.http = http
        self.platform = platform
        self.database = platform.database

    async def call(
        self,
        endpoint: str,
        token: str = "",
        app: Client = Client.DOCUMENT,
        *,
        headers: Any = None,
        path: str = "",
        **body: Any,
    ) -> dict[str, Any]:
        """The answer, which `app` can decode. `path`: another spelling of the endpoint's path."""
        return await posted(self.http, endpoint, app, token, headers=headers, path=path, json=body)

    async def done(self, endpoint: str, token: str = "", app: Client = Client.DOCUMENT, **body: Any) -> Any:
        """`msg` of an answer that succeeds."""
        answer = await self.call(endpoint, token, app, **body)
        assert answer["code"] == 200, answer
        return answer["msg"]

    async def queries(self, endpoint: str, token: str = "", app: Client = Client.DOCUMENT, **body: Any) -> int:
        """The number of uses of the database in a call that succeeds."""
        assert isinstance(self.database, WatchedDatabase)
        before = self.database.uses
        await self.done(endpoint, token, app, **body)
        return self.database.uses - before

    async def token(self, user_id: UserId) -> str:
        return await self.platform.accounts.sessions.issue(user_id)

    async def sign_in(self, name: str, app: Client = Client.DOCUMENT, **options: Any) -> str:
        profile = await self.done("registerUser", app=app, auth_token=f"dev:{name}", **options)
        token: str = profile["User"]["auth_token"]
        return token

    async def id_of(self, token: str) -> UserId:
        caller = await self.platform.accounts.sessions.identify(token)
        assert caller is not None
        return caller.user_id

    async def ban(self, user_id: UserId) -> None:
        async with self.database.transaction() as connection:
            assert await bans_store.ban(connection, user_id)
        await self.platform.accounts.sessions.revoke_all(user_id)  # the bus, which tells of a ban, does not run here


@asynccontextmanager
async def apps_of(dsn: str, database: Database, folder: Path, **settings: Any) -> AsyncIterator[Apps]:
    async with served(dsn, database, folder, *SECTIONS, **settings) as (http, platform):
        yield Apps(http, platform)
