"""The lifecycle of a stream, `created → live ⇄ interrupted → ended`: create, publisher online, publisher lost, end,
rotate.

Each change is one transaction through the stream's event log. So the stored state, the events that viewers get and the
answers of the auth callback stay consistent. A change names the status it leaves. If the stream has left it already,
the change returns None; this is no error.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from control_plane.accounts.sessions import AccountBlocked
from control_plane.base.ids import StreamId, UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.eventlog.log import Appending, EventLog, Work
from control_plane.eventlog.store import create_log
from control_plane.eventlog.types import EventType
from control_plane.inbox.model import Kind, Told
from control_plane.inbox.telling import tell_followers
from control_plane.streams import store
from control_plane.streams.events import StatusChange, Summary
from control_plane.streams.media.model import MediaConnection, SourceId
from control_plane.streams.model import (
    EndReason,
    HasUnfinishedStream,
    Status,
    Stream,
    StreamOptions,
    StreamOver,
    Visibility,
)

log = logging.getLogger(__name__)

ATTEMPTS = 5
"""Attempts of `go_live` when calls of one user race. Fewer: concurrent calls fail more often. More: a call can take
longer."""


class StreamTable(Protocol):
    """Where changes of streams are applied: `RunningStreams` in a server."""

    async def tell_others(self, connection: Connection, stream_id: StreamId) -> None:
        """Notify the other processes, within the transaction that changes the stream."""
        ...

    def put(self, stream: Stream) -> None:
        """Apply a committed change."""
        ...

    def look_at(self, stream_id: StreamId) -> None:
        """The stream may have changed: read it again."""
        ...


Also = Callable[[Connection, Stream], Awaitable[None]]
"""Stored in the same transaction as a change, for example an audit entry."""


class Lifecycle:
    """The only writer of the status and options of streams."""

    def __init__(
        self,
        database: Database,
        event_log: EventLog,
        table: StreamTable,
        peak_viewers: Callable[[StreamId], int] = lambda stream_id: 0,
    ) -> None:
        self._database = database
        self._event_log = event_log
        self._table = table
        self._peak_viewers = peak_viewers

    async def go_live(self, user_id: UserId, options: StreamOptions, *, proven: bool = True) -> Stream:
        """Return the user's stream, ready to be published to.

        A stream that was never published is returned again with the new options. An older one ends as replaced.
        `proven`: whether the caller is proven to be this user. If not, an existing stream is returned unchanged. Raises
        StreamOver and AccountBlocked.
        """
        for _ in range(ATTEMPTS):  # of two calls at once, the loser finds the winner's stream
            running = await store.unfinished_of(self._database, user_id)
            if running is None:
                try:
                    return await self._create(user_id, options)
                except HasUnfinishedStream:
                    continue
            if not proven:
                return running
            if running.status is Status.CREATED:
                again = await self._configure(running.id, options)
                if again is not None:
                    return again
                continue
            await self.end(running.id, EndReason.REPLACED)
        raise StreamOver("Your other device went live at the same moment. Please try again.")

    async def _create(self, user_id: UserId, options: StreamOptions) -> Stream:
        async with self._database.transaction() as connection:
            stream = await store.create(connection, user_id, options)
            if stream is None:
                raise AccountBlocked
            await create_log(connection, stream.id)
            await self._table.tell_others(connection, stream.id)
        self._table.put(stream)
        log.info("stream_created", extra={"stream": stream.id, "user": user_id})
        return stream

    async def _configure(self, stream_id: StreamId, options: StreamOptions) -> Stream | None:
        async def configure(connection: Connection, appending: Appending) -> Stream | None:
            return await store.configure(connection, stream_id, options)

        return await self._apply(stream_id, configure)

    async def publisher_online(
        self, stream_id: StreamId, publisher: MediaConnection, replaced_bytes: int, key_version: int | None = None
    ) -> Stream | None:
        """A publisher's media has arrived; the publisher may take over from an earlier one.

        `replaced_bytes`: bytes that the earlier publisher had sent. `key_version`: version of the key that admitted the
        publisher; None if unknown. If the stream has another version by now, nothing changes and None is returned.
        """
        source_id = publisher.source.id

        async def set_live(connection: Connection, appending: Appending) -> Stream | None:
            stream = await store.online(connection, stream_id, source_id, key_version)
            if stream is not None:
                await store.close_sessions(connection, stream_id, "taken_over", replaced_bytes, besides=source_id)
                await store.open_session(connection, stream_id, publisher, key_version)
                # Sent on a take-over too: the media server has disconnected every viewer of the old connection.
                appending.add(EventType.STATUS, StatusChange(Status.LIVE))
                if stream.visibility is Visibility.PUBLIC and await store.is_first_live(connection, stream_id):
                    told = Told(Kind.LIVE, stream.user_id, stream_id=stream.id, text=stream.title)
                    await tell_followers(connection, told, once=f"live-{stream.id}")
            return stream

        return await self._apply(stream_id, set_live, "publisher_online", source=source_id)

    async def publisher_lost(
        self, stream_id: StreamId, source_id: SourceId, why: str, inbound_bytes: int
    ) -> Stream | None:
        async def set_interrupted(connection: Connection, appending: Appending) -> Stream | None:
            stream = await store.lost(connection, stream_id, source_id)
            if stream is not None:
                await store.close_sessions(connection, stream_id, why, inbound_bytes)
                appending.add(EventType.STATUS, StatusChange(Status.INTERRUPTED, why))
            return stream

        return await self._apply(stream_id, set_interrupted, "publisher_lost", source=source_id, why=why)

    async def end(
        self, stream_id: StreamId, reason: EndReason, inbound_bytes: int = 0, also: Also | None = None
    ) -> Stream | None:
        """End the stream. Its key is invalid from then on, and the reconciler disconnects a publisher that is still
        connected."""
        peak_viewers = self._peak_viewers(stream_id)

        async def set_ended(connection: Connection, appending: Appending) -> Stream | None:
            stream = await store.end(connection, stream_id, reason, peak_viewers)
            if stream is not None:
                await store.close_sessions(connection, stream_id, reason.value, inbound_bytes)
                appending.add(EventType.STATUS, StatusChange(Status.ENDED, reason.value, Summary.of(stream)))
                appending.close()
            return stream

        return await self._apply(stream_id, set_ended, "stream_ended", also, reason=reason.value)

    async def rotate(self, stream_id: StreamId, also: Also | None = None) -> Stream | None:
        """Change the key; the reconciler disconnects publishers that were admitted with an older one."""

        async def rotate_key(connection: Connection, appending: Appending) -> Stream | None:
            return await store.rotate(connection, stream_id)

        return await self._apply(stream_id, rotate_key, "stream_key_rotated", also)

    async def _apply(
        self,
        stream_id: StreamId,
        change: Work[Stream | None],
        event: str = "",
        also: Also | None = None,
        **fields: object,
    ) -> Stream | None:
        async def change_and_tell(connection: Connection, appending: Appending) -> Stream | None:
            stream = await change(connection, appending)
            if stream is not None:
                if also is not None:
                    await also(connection, stream)
                await self._table.tell_others(connection, stream_id)
            return stream

        def settled(outcome: Stream | BaseException | None) -> None:
            if isinstance(outcome, Stream):
                self._table.put(outcome)
            else:  # too late, or the outcome of the COMMIT is unknown
                self._table.look_at(stream_id)

        stream = await self._event_log.append(stream_id, change_and_tell, settled=settled)
        if stream is not None and event:
            log.info(event, extra={"stream": stream_id, **fields})
        return stream
