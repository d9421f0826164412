"""Users for the tests of money and streams."""

from __future__ import annotations

from itertools import count

from control_plane.accounts import store
from control_plane.accounts.user import NewUser
from control_plane.base.ids import UserId
from control_plane.db.pool import Database

_numbers = count(1)


async def new_user(database: Database, name: str = "user") -> UserId:
    async with database.transaction() as connection:
        return await store.create(connection, NewUser(username=f"{name}{next(_numbers)}"), [])
