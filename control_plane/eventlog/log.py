"""The numbered event log of a stream, and its one writer.

Whoever changes what viewers see hands the writer a piece of work. The writer runs it in a transaction that holds the stream's log row, numbers
the events that it adds, and offers them to the hub after the commit. So the order of `seq` is the order of commits, and a rollback leaves no gap.
Every transaction locks in one order: log rows by stream id, then what `lock` locks (ledger accounts, by id).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
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
Lock = Callable[[Connection, Sequence[Any]], Awaitable[object]]
"""Locks the rows that works will lock, in an order of its own. The log knows them by what the works call them."""
BATCH = 64
RETRY_S = 0.2


class StreamUnknown(ControlPlaneError):
    """There is no stream of this id."""

    code = "stream_unknown"
    kind = ErrorKind.NOT_FOUND


class Offers(Protocol):
    """Who is told of committed events: the hub, and through the bus the hubs of other processes."""

    def offer(self, stream_id: StreamId, first_seq: Seq, frames: Sequence[str]) -> None:
        """Never raises and never waits. No frames: there are some from `first_seq` on, in the log."""
        ...


class Appending:
    """The log as a piece of work sees it, inside the transaction that holds it."""

    def __init__(self, stream_id: StreamId, closed: bool, next_seq: Seq) -> None:
        self.stream_id = stream_id
        self.closed = closed
        self.next_seq = next_seq
        """Number of the event that is added next."""
        self.added: list[tuple[EventType, EventData]] = []

    def add(self, type_: EventType, data: EventData) -> None:
        require(not self.closed, "a closed log takes no event")
        self.added.append((type_, data))
        self.next_seq = Seq(self.next_seq + 1)

    def close(self) -> None:
        self.closed = True


Work = Callable[[Connection, Appending], Awaitable[T]]
"""Must be repeatable: when a connection dies at its COMMIT, whether that took effect is unknown and the work is run again. Refuses (by
raising a ControlPlaneError) before it writes anything, since works that wait together share a transaction."""


@dataclass(slots=True)
class _Waiting:
    work: Work[Any]
    until: float
    rows: Collection[Any]
    settled: Callable[[Any], object] | None = None
    answer: asyncio.Future[Any] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def resolve(self, result: Any) -> None:
        if self.settled is not None:
            self.settled(result)
        if self.answer.done():  # its caller was cancelled; the work is done all the same
            return
        if isinstance(result, BaseException):
            self.answer.set_exception(result)
        else:
            self.answer.set_result(result)


class EventLog:
    """The writer: one append in flight per stream, a task of its own, so that a cancelled request cannot cut it."""

    def __init__(self, database: Database, offers: Offers, clock: Clock = utc_now, *, lock: Lock | None = None) -> None:
        self._database = database
        self._lock = lock
        self._offers = offers
        self._clock = clock
        self._waiting: dict[StreamId, deque[_Waiting]] = {}
        self._writers: set[asyncio.Task[None]] = set()
        self._closing = False

    async def append(
        self,
        stream_id: StreamId,
        work: Work[T],
        deadline_s: float = 15.0,
        rows: Collection[Any] = (),
        settled: Callable[[T | BaseException], object] | None = None,
    ) -> T:
        """Run the work with the stream's log held. `rows`: those that the work will lock, for `lock`, so that works that share a transaction do
        not lock theirs one after the other. `settled` is told what came of it even if the caller is gone by then, in the order of the commits.
        Raises what the work raises, StreamUnknown, DatabaseUnavailable."""
        if self._closing:
            raise DatabaseUnavailable
        waiting = _Waiting(work, asyncio.get_running_loop().time() + deadline_s, rows, settled)
        queue = self._waiting.get(stream_id)
        if queue is None:
            queue = self._waiting[stream_id] = deque()
            writer = asyncio.create_task(self._write(stream_id, queue), name=f"event-log-{stream_id}")
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)
        queue.append(waiting)
        result: T = await waiting.answer
        return result

    async def close(self, deadline_s: float = 5.0) -> None:
        """Let what was accepted finish, and take nothing more."""
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
        """Answer every one of the batch, repeating what the database did not take until its time is over."""
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
                    for waiting in batch:  # one of them spoiled the transaction for all
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
        """What each answered, and the events: the number of the first, and their frames."""
        results: list[tuple[_Waiting, Any]] = []
        events: list[store.Event] = []
        async with self._database.transaction() as connection:
            held = await store.lock_log(connection, stream_id)
            if held is None:
                raise StreamUnknown("There is no such stream.")
            first, closed = Seq(held.last_seq + 1), held.closed
            rows = {row for waiting in batch for row in waiting.rows}
            if self._lock is not None and len(batch) > 1 and rows:
                await self._lock(connection, list(rows))
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
    """Answer those whose time is over; return the others."""
    now = asyncio.get_running_loop().time()
    for waiting in batch:
        if waiting.until <= now:
            waiting.resolve(DatabaseUnavailable())
    return [waiting for waiting in batch if waiting.until > now]
