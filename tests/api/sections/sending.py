"""A server in production mode that is set up to send, as the tests of codes and passwords call it. Codes are read from
its `Codes`, and nothing leaves it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from control_plane.accounts import store
from control_plane.accounts.password_hashing import hash_password
from control_plane.accounts.user import NewUser
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from tests.api.sections.apps import Apps, apps_of

PASSWORD = "open sesame"


class Sending:
    def __init__(self, apps: Apps) -> None:
        self.apps = apps
        self.call: Any = apps.call
        self.done: Any = apps.done
        self.accounts = apps.platform.accounts
        self.database = apps.platform.database

    async def user(self, username: str, *, password: bool = False, **contacts: Any) -> tuple[UserId, str]:
        """A new user's id and session token."""
        hashed = await hash_password(PASSWORD) if password else None
        async with self.database.transaction() as connection:
            new = NewUser(username=username, password_hash=hashed, **contacts)
            user_id = await store.create(connection, new, [])
        return user_id, await self.accounts.sessions.issue(user_id)

    async def code(self, address: str) -> str:
        """The newest code for the address; the next one may be asked for at once."""
        sent = next(sent for sent in await self.accounts.codes.newest(100) if sent.contact.address == address)
        await self.database.execute("update contact_code set created_at = created_at - interval '30 seconds'")
        return self.accounts.codes.text(sent)

    async def codes(self) -> int:
        return len(await self.accounts.codes.newest(1000))

    async def contacts(self, user_id: UserId) -> tuple[str, str]:
        user = (await store.by_ids(self.database, [user_id]))[user_id]
        return user.email, user.phone

    async def notices(self) -> list[tuple[str, str]]:
        """What was told to which address."""
        rows = await self.database.fetch("select about, address from account_notice order by id")
        return [(row["about"], row["address"]) for row in rows]


def from_address(address: str) -> dict[str, str]:
    """Headers of a call from another network address."""
    return {"X-Forwarded-For": address}


@asynccontextmanager
async def sending_server(dsn: str, database: Database, folder: Path, **settings: Any) -> AsyncIterator[Sending]:
    settings = {
        "dev": False,
        "mail_url": "mailto://127.0.0.1:9?from=no-reply@example.com",
        "sms_url": "json://127.0.0.1:9",
        "trusted_proxies": ("127.0.0.0/8", "::1/128"),
        "address_rate": 100_000,
        "user_rate": 100_000,
    } | settings
    async with apps_of(dsn, database, folder, **settings) as apps:
        yield Sending(apps)
