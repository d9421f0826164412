"""Opens event delivery: the bus between processes, the hub with this process's sockets, and the event log and the writer
of gifts, which feed both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from api.sockets.websocket import websocket_frame
from control_plane.base.workers import Workers
from control_plane.bus.postgres import PostgresBus
from control_plane.db.pool import Database
from control_plane.eventlog.log import EventLog
from control_plane.gifts.writer import GiftWriter
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
    gift_writer: GiftWriter


@asynccontextmanager
async def live(dsn: str, database: Database, metrics: Metrics, commission_bps: int = 0) -> AsyncIterator[Live]:
    bus, hub = PostgresBus(dsn), Hub(database, websocket_frame)
    fanout = Fanout(hub, bus)
    fanout.follow()
    bus.on_resync(hub.check)
    watch_hub(metrics, hub)
    event_log, gift_writer = EventLog(database, fanout), GiftWriter(database, fanout, commission_bps)
    try:
        yield Live(bus, hub, event_log, gift_writer)
    finally:
        await asyncio.gather(event_log.close(), gift_writer.close())


@asynccontextmanager
async def following(opened: Live, workers: Workers) -> AsyncIterator[None]:
    async with workers.running("bus", opened.bus.run()), workers.running("hub", opened.hub.run()):
        yield
