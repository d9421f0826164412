"""The stores that this server is connected to, and questions to them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from control_plane.base.errors import ControlPlaneError
from control_plane.payments.errors import StoreNotConnected
from control_plane.payments.stores.model import (
    LOOK_UP_S,
    Claim,
    NotificationRefused,
    ReceiptRefused,
    Store,
    StoreTransaction,
    StoreUnavailable,
)

log = logging.getLogger(__name__)

T = TypeVar("T")


class ConnectedStores:
    def __init__(self, stores: Sequence[Store], look_up_s: float = LOOK_UP_S) -> None:
        self._stores = {store.name: store for store in stores}
        self._look_up_s = look_up_s

    @property
    def names(self) -> Sequence[str]:
        return list(self._stores)

    def named(self, name: str) -> Store | None:
        return self._stores.get(name)

    def of(self, claim: Claim) -> Store:
        """The store whose format the claim has. Raises StoreNotConnected."""
        for store in self._stores.values():
            if store.recognises(claim):
                return store
        if not self._stores:
            raise StoreNotConnected("Coins cannot be bought yet: this server is not connected to a store.")
        raise StoreNotConnected("This purchase is not from a store that this server is connected to.")

    async def look_up(self, store: Store, reference: str) -> StoreTransaction:
        """Raises ReceiptRefused and StoreUnavailable."""
        return await self.ask(store, store.look_up(reference))

    async def finish(self, store: Store, transaction: StoreTransaction, reference: str) -> bool:
        """Tell the store that the coins are credited. False: it has to be told later."""
        try:
            await self.ask(store, store.finish(transaction, reference))
        except (ReceiptRefused, StoreUnavailable):
            return False
        return True

    async def ask(self, store: Store, question: Awaitable[T]) -> T:
        """The store's answer, within the deadline. An unexpected error of an adapter counts as StoreUnavailable, so that the
        purchase is kept and the store is asked again."""
        try:
            async with asyncio.timeout(self._look_up_s):
                return await question
        except (ReceiptRefused, NotificationRefused, StoreUnavailable):
            raise
        except TimeoutError:
            raise StoreUnavailable from None
        except ControlPlaneError as error:
            log.warning("store_not_asked", extra={"store": store.name, "why": error.code})
            raise StoreUnavailable from error
        except Exception as error:
            log.exception("store_failed", extra={"store": store.name})
            raise StoreUnavailable from error
