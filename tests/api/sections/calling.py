"""Calls of endpoints as each app sends them. Each answer is checked by that app's decoder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.test_utils import TestClient

from api.contract.client import Client
from api.contract.endpoint import Section
from api.contract.platform import Platform
from control_plane.accounts import store
from control_plane.base.ids import UserId
from tests.api.sections.posting import posted
from tests.api.served import served
from tests.control_plane.watched_database import WatchedDatabase, watched_database

APPS = [Client.IOS, Client.ANDROID, Client.ANDROID_KT, Client.DOCUMENT]


class Calls(NamedTuple):
    client: TestClient[web.Request, web.Application]
    platform: Platform
    database: WatchedDatabase

    async def call(
        self,
        name: str,
        body: dict[str, Any] | None = None,
        *,
        app: Client = Client.ANDROID,
        token: str = "",
        headers: dict[str, str] | None = None,
        path: str = "",
    ) -> dict[str, Any]:
        """The whole answer. `body` None: no body at all. `path`: another spelling of the endpoint's path."""
        return await posted(self.client, name, app, token, headers=headers, path=path, json=body)

    async def done(self, name: str, body: dict[str, Any] | None = None, **how: Any) -> Any:
        """`msg` of an answer that succeeds."""
        answer = await self.call(name, body, **how)
        assert answer["code"] == 200, answer
        return answer["msg"]

    async def queries(self, name: str, body: dict[str, Any] | None = None, **how: Any) -> int:
        """The number of uses of the database in a call that succeeds."""
        before = self.database.uses
        await self.done(name, body, **how)
        return self.database.uses - before

    async def token(self, user_id: UserId) -> str:
        return await self.platform.accounts.sessions.issue(user_id)

    async def ban(self, user_id: UserId) -> None:
        async with self.database.transaction() as connection:
            await store.ban(connection, user_id)
        await self.platform.accounts.sessions.revoke_all(user_id)  # this process has forgotten what it cached, too


@asynccontextmanager
async def calling(dsn: str, folder: Path, *sections: Section, **settings: Any) -> AsyncIterator[Calls]:
    """Calls of the endpoints of these sections, on a server with these settings."""
    together = Section("tested")
    together.endpoints = [endpoint for section in sections for endpoint in section.endpoints]
    async with watched_database(dsn) as database, served(dsn, database, folder, together, **settings) as (client, used):
        yield Calls(client, used, database)
