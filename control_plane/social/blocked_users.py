"""The users with whom a viewer has a block, cached for lists that are read every few seconds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from cachetools import LRUCache

from control_plane.base.ids import UserId
from control_plane.bus.model import Bus, Topic
from control_plane.db.pool import Database
from control_plane.social import blocks_store
from control_plane.social.model import Viewer

CACHED_S = 60.0
"""How long a viewer's blocks are cached. Longer: a block whose notification is lost shows later. Shorter: more queries."""
REMEMBERED = 20_000
"""Viewers in the cache; the least recently used is evicted. Fewer: more queries. More: more memory, for most viewers 200
bytes."""


@dataclass(frozen=True, slots=True)
class _Known:
    users: frozenset[UserId]
    until: float


class BlockedUsers:
    """Only for lists. What decides access reads the database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: LRUCache[UserId, _Known] = LRUCache(REMEMBERED)
        self._changes = 0

    def follow(self, bus: Bus) -> None:
        """Subscribe to blocks, so that a change leaves the cache of every process."""
        bus.subscribe(Topic.BLOCK, lambda message: self.forget(UserId(message.id)))
        bus.on_resync(self._forget_all)

    async def of(self, viewer_id: Viewer) -> frozenset[UserId]:
        """The users whom the viewer blocks or who block the viewer. Raises DatabaseUnavailable."""
        if viewer_id is None:
            return frozenset()
        now = asyncio.get_running_loop().time()
        known = self._known.get(viewer_id)
        if known is None or known.until <= now:
            changes = self._changes
            known = _Known(await blocks_store.all_blocked_with(self._database, viewer_id), now + CACHED_S)
            if changes == self._changes:  # else the block that was notified during the read may be missing
                self._known[viewer_id] = known
        return known.users

    def forget(self, user_id: UserId) -> None:
        self._changes += 1
        self._known.pop(user_id, None)

    def _forget_all(self) -> None:
        self._changes += 1
        self._known.clear()
