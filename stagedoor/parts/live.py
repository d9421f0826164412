"""Opens event delivery: the bus between processes, the hub with this process's sockets, and the event log that feeds
both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from api.sockets.websocket import websocket_frame
from control_plane.base.workers import Workers
from control_plane.bus.postgres import PostgresBus
from control_plane.db.pool import Database
from control_plane.eventlog.log import EventLog
from control_plane.ledger.store import lock_accounts
from control_plane.live.fanout import Fanout
from control_plane.live.hub import Hub
from control_plane.live.metrics import watch_hub
from control_plane.observe.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Live:
    bus: PostgresBus
    """Not connected yet: the parts subscribe first, then `following` connects it."""
    hub: Hub
    event_log: EventLog


@asynccontextmanager
async def live(dsn: str, database: Database, metrics: Metrics) -> AsyncIterator[Live]:
    bus, hub = PostgresBus(dsn), Hub(database, websocket_frame)
    fanout = Fanout(hub, bus)
    fanout.follow()
    bus.on_resync(hub.check)
    watch_hub(metrics, hub)
    event_log = EventLog(database, fanout, lock=lock_accounts)
    try:
        yield Live(bus, hub, event_log)
    finally:
        await event_log.close()


@asynccontextmanager
async def following(opened: Live, workers: Workers) -> AsyncIterator[None]:
    async with workers.running("bus", opened.bus.run()), workers.running("hub", opened.hub.run()):
        yield
