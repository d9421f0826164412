"""The streams of one control-plane process: its table, its changes, and its queries."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from control_plane.base.ids import StreamId
from control_plane.bus.postgres import PostgresBus
from control_plane.eventlog.log import EventLog
from control_plane.streams.access import AccessRequest, Action, Verdict
from control_plane.streams.lifecycle import Lifecycle
from control_plane.streams.media.model import PathName, SourceId
from control_plane.streams.model import Stream
from control_plane.streams.running import RunningStreams
from tests.control_plane.live.readers import Unheard
from tests.control_plane.streams.samples import KEYS
from tests.control_plane.watched_database import WatchedDatabase, watched_database
from tests.waiting import in_background, until

_EVENTS = "select seq, frame from stream_event where stream_id = $1 order by seq"
_SESSIONS = """
    select source_id, protocol, address, user_agent, started_at, ended_at is not null as over, end_reason, inbound_bytes
    from publish_session where stream_id = $1 order by id
"""


class Process:
    def __init__(self, dsn: str, database: WatchedDatabase, away_s: float, miss_s: float) -> None:
        self.database = database
        self.bus = PostgresBus(dsn)
        self.running = RunningStreams(database, self.bus, KEYS, away_s, miss_s=miss_s)
        self.running.follow()
        self.event_log = EventLog(database, Unheard())
        self.peak_viewers: dict[StreamId, int] = {}
        self.lifecycle = Lifecycle(
            database, self.event_log, self.running, lambda stream_id: self.peak_viewers.get(stream_id, 0)
        )

    async def publish(
        self, stream: Stream, version: int = 1, source_id: str | None = None, protocol: str = "rtmp"
    ) -> Verdict:
        """The verdict for a publisher with the stream's key of this version."""
        source = SourceId(source_id) if source_id else None
        key = KEYS.issue(stream.id, version, stream.key_salt)
        request = AccessRequest(Action.PUBLISH, stream.path, (key,), source, protocol)
        return await self.running.decide(request)

    async def read(self, path: PathName) -> Verdict:
        return await self.running.decide(AccessRequest(Action.READ, path, ()))

    async def events(self, stream_id: StreamId) -> list[dict[str, Any]]:
        """The data of all events, in order; their numbers have no gap."""
        rows = await self.database.fetch(_EVENTS, stream_id)
        frames = [json.loads(row["frame"]) for row in rows]
        assert [row["seq"] for row in rows] == [frame["seq"] for frame in frames] == list(range(1, len(rows) + 1))
        assert {frame["type"] for frame in frames} <= {"status"}
        return [frame["data"] for frame in frames]

    async def statuses(self, stream_id: StreamId) -> list[tuple[str, str | None]]:
        return [(data["status"], data.get("reason")) for data in await self.events(stream_id)]

    async def sessions(self, stream_id: StreamId) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.database.fetch(_SESSIONS, stream_id)]


@asynccontextmanager
async def process(dsn: str, *, follows: bool = False, away_s: float = 900, miss_s: float = 5) -> AsyncIterator[Process]:
    """`follows`: receive the changes of others from the start. `miss_s` is long, so that a busy machine does not look
    like a database that hangs."""
    async with AsyncExitStack() as stack:
        made = Process(dsn, await stack.enter_async_context(watched_database(dsn)), away_s, miss_s)
        stack.push_async_callback(made.event_log.close)
        await made.running.load()
        if follows:
            await stack.enter_async_context(in_background(made.bus.run()))
            await stack.enter_async_context(in_background(made.running.run()))
            await until(lambda: made.running.following)
        yield made
