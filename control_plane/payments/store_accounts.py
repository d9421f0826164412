"""Our ids of users for stores. An app gives its user's id to the store with a purchase; the store's notifications then
tell whose purchase it is, even if the app never called us."""

from __future__ import annotations

from uuid import UUID

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.payments import store_accounts_store as store


class StoreAccounts:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, user_id: UserId) -> str:
        """The user's id for stores: a random UUID, which is made when it is first asked for and then stays."""
        return str(await store.find(self._database, user_id) or await store.open_account(self._database, user_id))


async def user_of(source: Connection | Database, account: str) -> UserId | None:
    """The user whose id a store names. None: it is none of ours."""
    try:
        return await store.user_id(source, UUID(account)) if account else None
    except ValueError:
        return None
