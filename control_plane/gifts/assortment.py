"""Cache of the gifts on offer. Every gift and every catalogue call reads them; they change rarely."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic

from control_plane.base.ids import GiftId
from control_plane.db.pool import Database
from control_plane.db.remembered import LIFETIME_S, Remembered
from control_plane.gifts import store
from control_plane.gifts.gift import Gift


class Assortment:
    def __init__(
        self, database: Database, lifetime_s: float = LIFETIME_S, clock: Callable[[], float] = monotonic
    ) -> None:
        self._database = database
        self._remembered = Remembered(self._read, lifetime_s, clock)

    async def gifts(self) -> Mapping[GiftId, Gift]:
        """Active gifts in display order. Raises DatabaseUnavailable."""
        return await self._remembered.get()

    async def _read(self) -> Mapping[GiftId, Gift]:
        return {gift.id: gift for gift in await store.offered(self._database)}
