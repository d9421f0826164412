"""The numbered event log of a stream, and its single writer.

A caller that changes what viewers see passes a work (a function) to the writer. The writer runs the work in a
transaction that holds the stream's log row, numbers the events that the work adds, and offers them to the hub after the
commit. So the order of `seq` is the order of commits, and a rollback leaves no gap. Every transaction acquires its
locks in one order: log rows by stream id, then ledger accounts by id. Gifts have a writer of their own
(`control_plane/gifts/writer.py`), which locks the same rows.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from control_plane.base.clock import Clock, utc_now
from control_plane.base.errors import ControlPlaneError, ErrorKind, require
from control_plane.base.ids import Seq, StreamId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, DatabaseUnavailable
from control_plane.eventlog import store
from control_plane.eventlog.encoding import encode_event
from control_plane.eventlog.types import EventData, EventType

log = logging.getLogger(__name__)

T = TypeVar("T")
BATCH = 64
"""Works that share a transaction. Larger: its locks are held for longer. Smaller: a busy stream commits more often."""
RETRY_S = 0.2
"""Pause before a batch is retried after a database failure. Larger: callers wait longer after an outage. Smaller: more
attempts while the database is down."""
DEADLINE_S = 15.0
"""How long a work is retried while the database is unavailable. Longer: callers wait longer for a refusal, and must
themselves wait longer (`sendGift` has 30 s). Shorter: a restart of the database fails gifts."""
CLOSE_S = 5.0
"""Time for accepted works at a stop. Longer: a stop takes longer while the database hangs. Shorter: the outcome of more
works is unknown to their callers."""


class StreamUnknown(ControlPlaneError):
    """No stream has this id."""

    code = "stream_unknown"
    kind = ErrorKind.NOT_FOUND


class Offers(Protocol):
    """Receives committed events: the hub of this process and, over the bus, the hubs of other processes."""

    def offer(self, stream_id: StreamId, first_seq: Seq, frames: Sequence[str]) -> None:
        """Never raises and never waits. Without `frames`, the log holds new events from `first_seq` on."""
        ...


class Appending:
    """The log inside one transaction, as a work sees it."""

    def __init__(self, stream_id: StreamId, closed: bool, next_seq: Seq) -> None:
        self.stream_id = stream_id
        self.closed = closed
        self.next_seq = next_seq
        """The number of the next event to be added."""
        self.added: list[tuple[EventType, EventData]] = []

    def add(self, type_: EventType, data: EventData) -> None:
        require(not self.closed, "a closed log accepts no events")
        self.added.append((type_, data))
        self.next_seq = Seq(self.next_seq + 1)

    def close(self) -> None:
        self.closed = True


Work = Callable[[Connection, Appending], Awaitable[T]]
"""A function that changes a stream and adds events. It must be idempotent: when a connection dies at its COMMIT, the
outcome is unknown and the work runs again. To refuse, it raises a ControlPlaneError before it writes anything, because
works that wait together share a transaction."""


@dataclass(slots=True)
class _Waiting:
    work: Work[Any]
    until: float
    settled: Callable[[Any], object] | None = None
    answer: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def resolve(self, result: Any) -> None:
        if self.settled is not None:
            self.settled(result)
        if self.answer.done():  # the caller was cancelled; the work took effect all the same
            return
        if isinstance(result, BaseException):
            self.answer.set_exception(result)
        else:
            self.answer.set_result(result)


class EventLog:
    """The single writer: one task per stream commits one batch at a time, so a cancelled request cannot interrupt a
    commit."""

    def __init__(self, database: Database, offers: Offers, clock: Clock = utc_now) -> None:
        self._database = database
        self._offers = offers
        self._clock = clock
        self._waiting: dict[StreamId, deque[_Waiting]] = {}
        self._writers: set[asyncio.Task[None]] = set()
        self._closing = False

    async def append(
        self,
        stream_id: StreamId,
        work: Work[T],
        deadline_s: float = DEADLINE_S,
        settled: Callable[[T | BaseException], object] | None = None,
    ) -> T:
        """Run the work in a transaction that holds the stream's log, and return its result.

        `deadline_s`: how long the work is retried while the database is unavailable. `settled` is called with the result
        or the error, in commit order, even if the caller was cancelled. Raises what the work raises, StreamUnknown and
        DatabaseUnavailable.
        """
        if self._closing:
            raise DatabaseUnavailable
        waiting = _Waiting(work, asyncio.get_running_loop().time() + deadline_s, settled)
        queue = self._waiting.get(stream_id)
        if queue is None:
            queue = self._waiting[stream_id] = deque()
            writer = asyncio.create_task(self._write(stream_id, queue), name=f"event-log-{stream_id}")
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
        queue.append(waiting)
        result: T = await waiting.answer
        return result

    async def close(self, deadline_s: float = CLOSE_S) -> None:
        """Accept no more works, and wait until the accepted ones are finished or `deadline_s` is over."""
        self._closing = True
        if self._writers:
            _, late = await asyncio.wait(self._writers, timeout=deadline_s)
            for writer in late:
                writer.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _write(self, stream_id: StreamId, queue: deque[_Waiting]) -> None:
        try:
            while queue:
                batch = [queue.popleft() for _ in range(min(BATCH, len(queue)))]
                await self._settle(stream_id, batch)
        finally:
            del self._waiting[stream_id]
            for waiting in queue:
                waiting.resolve(DatabaseUnavailable())

    async def _settle(self, stream_id: StreamId, batch: list[_Waiting]) -> None:
        """Resolve every work of the batch. Database failures are retried until the deadline of each work."""
        try:
            while batch := _in_time(batch):
                try:
                    results, first_seq, frames = await self._commit(stream_id, batch)
                except DatabaseUnavailable:
                    log.warning("event_log_waits_for_the_database", extra={"stream": stream_id, "waiting": len(batch)})
                    await asyncio.sleep(RETRY_S)
                except Exception as error:
                    if len(batch) == 1:
                        return batch[0].resolve(error)
                    for waiting in batch:  # one work failed the transaction of all
                        await self._settle(stream_id, [waiting])
                    return None
                else:
                    for waiting, result in results:
                        waiting.resolve(result)
                    if frames:
                        self._offers.offer(stream_id, first_seq, frames)
                    return None
        except asyncio.CancelledError:
            for waiting in batch:
                waiting.resolve(DatabaseUnavailable())
            raise

    async def _commit(
        self, stream_id: StreamId, batch: list[_Waiting]
    ) -> tuple[list[tuple[_Waiting, Any]], Seq, list[str]]:
        """Return the result of each work, the number of the first event, and the frames of all events."""
        results: list[tuple[_Waiting, Any]] = []
        events: list[store.Event] = []
        async with self._database.transaction() as connection:
            held = await store.lock_log(connection, stream_id)
            if held is None:
                raise StreamUnknown("There is no such stream.")
            first, closed = Seq(held.last_seq + 1), held.closed
            for waiting in batch:
                appending = Appending(stream_id, closed, Seq(first + len(events)))
                try:
                    results.append((waiting, await waiting.work(connection, appending)))
                except ControlPlaneError as refusal:
                    results.append((waiting, refusal))
                    continue
                closed = appending.closed
                at = self._clock()
                for type_, data in appending.added:
                    seq = Seq(first + len(events))
                    events.append(store.Event(seq, type_, at, encode_event(type_, seq, at, data)))
            if events or closed != held.closed:
                await store.append(connection, stream_id, events, closed)
        return results, first, [event.frame for event in events]


def _in_time(batch: list[_Waiting]) -> list[_Waiting]:
    """Resolve the works whose deadline is over with DatabaseUnavailable; return the others."""
    now = asyncio.get_running_loop().time()
    for waiting in batch:
        if waiting.until <= now:
            waiting.resolve(DatabaseUnavailable())
    return [waiting for waiting in batch if waiting.until > now]
