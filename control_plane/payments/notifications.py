"""Takes the notifications of stores. The job processes them (`control_plane/payments/due.py`)."""

from __future__ import annotations

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.db.pool import Database
from control_plane.payments import notifications_store
from control_plane.payments.connected import ConnectedStores
from control_plane.payments.due import settle_purchases
from control_plane.payments.stores.model import Message


class NoSuchStore(ControlPlaneError):
    code = "no_such_store"
    kind = ErrorKind.NOT_FOUND

    def __init__(self) -> None:
        super().__init__("This server is not connected to such a store.")


class Notifications:
    def __init__(self, database: Database, stores: ConnectedStores) -> None:
        self._database = database
        self._stores = stores

    async def take(self, name: str, message: Message) -> None:
        """Verify the notification and keep it. Once this returns, it is not lost.

        Raises NoSuchStore, NotificationRefused, StoreUnavailable and DatabaseUnavailable.
        """
        store = self._stores.named(name)
        if store is None:
            raise NoSuchStore
        notices = await self._stores.ask(store, store.notices(message))
        if not notices:
            return
        async with self._database.transaction() as connection:
            await notifications_store.keep(connection, name, notices)
            # Without a key: one that comes while the job is ending would wait for the job's next minute.
            await settle_purchases.enqueue(connection)
