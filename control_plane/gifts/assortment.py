"""The gifts on offer, in memory: asked for with every gift and every catalogue, changed once in a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic

from control_plane.db.pool import Database
from control_plane.gifts import store
from control_plane.gifts.gift import Gift
from control_plane.ids import GiftId

LIFETIME_S = 5.0


class Assortment:
    """Owns a copy of the catalogue's active gifts, which is read anew when it is older than `lifetime_s` and somebody asks."""

    def __init__(
        self, database: Database, lifetime_s: float = LIFETIME_S, clock: Callable[[], float] = monotonic
    ) -> None:
        self._database = database
        self._lifetime_s = lifetime_s
        self._clock = clock
        self._gifts: Mapping[GiftId, Gift] = {}
        self._good_until = float("-inf")
        self._reading = asyncio.Lock()

    async def gifts(self) -> Mapping[GiftId, Gift]:
        """In the order in which they are shown. Raises DatabaseUnavailable."""
        if self._clock() >= self._good_until:
            async with self._reading:  # one reads for all that wait
                if self._clock() >= self._good_until:
                    self._gifts = {gift.id: gift for gift in await store.offered(self._database)}
                    self._good_until = self._clock() + self._lifetime_s
        return self._gifts
