"""When and from where each session was last used, written in batches, so that a call waits for no write."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable

from cachetools import LRUCache

from control_plane.accounts.caller import Caller, SessionKey, Use
from control_plane.accounts.session_store import record_uses
from control_plane.base.clock import Clock, utc_now
from control_plane.db.pool import Database, DatabaseUnavailable

log = logging.getLogger(__name__)

EVERY_S = 300.0
"""Each session is written at most once in this time. Shorter: more writes. Longer: the list of sessions is older."""
BATCH_S = 20.0
"""Time between two writes of all sessions that are due. Shorter: smaller batches. Longer: a stopped process loses more
uses."""
REMEMBERED = 20_000
"""Sessions that are remembered as written; the least recently used is evicted, and is written at its next use."""
MOST_WAITING = 20_000
"""Sessions in the next batch. More wait for a later one, which bounds the memory while the database is down."""


class LastUses:
    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock
        self._waiting: dict[SessionKey, tuple[dt.datetime, Use]] = {}
        self._noted: LRUCache[SessionKey, float] = LRUCache(REMEMBERED)

    def note(self, caller: Caller, use: Callable[[], Use]) -> None:
        """Remember a use, to be written with the next batch. `use` is called if the session is due."""
        session = SessionKey(caller.user_id, caller.session_id)
        now = self._clock()
        if now.timestamp() - self._noted.get(session, 0.0) >= EVERY_S and len(self._waiting) < MOST_WAITING:
            self._noted[session] = now.timestamp()
            self._waiting[session] = (now, use())

    async def run(self) -> None:
        while True:
            await asyncio.sleep(BATCH_S)
            await self.write()

    async def write(self) -> None:
        """Write what waits. Uses are kept for the next batch if the database is down."""
        uses = self._waiting
        if not uses:
            return
        self._waiting = {}
        try:
            await record_uses(self._database, uses)
        except DatabaseUnavailable:
            log.info("last_uses_not_written", extra={"sessions": len(uses)})
            self._waiting = {**uses, **self._waiting}
