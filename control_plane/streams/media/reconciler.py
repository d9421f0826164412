"""The reconciler: compares the table of streams with the paths of the media server, and applies the changes that
`diff.py` finds.

Hooks may be lost, repeated or reordered, so the reconciler treats them as hints and reads the control API. Every PASS_S
it compares all paths, and at each hook one path, keyed by (stream, source). A listing that fails changes nothing. A
path that is missing in a listing counts as gone only after `get_path` has confirmed it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial

from control_plane.base.clock import Clock, utc_now
from control_plane.base.ids import StreamId
from control_plane.db.pool import Database, DatabaseUnavailable
from control_plane.streams import store
from control_plane.streams.lifecycle import Lifecycle
from control_plane.streams.media.diff import (
    Change,
    Missing,
    Online,
    Outdated,
    Overdue,
    Stranger,
    Turned,
    Unknown,
    diff,
    path_of,
    strangers,
)
from control_plane.streams.media.model import (
    MediaPath,
    MediaServer,
    MediaServerUnavailable,
    MediaSource,
    PathName,
    SourceId,
)
from control_plane.streams.media.publishers import Publishers
from control_plane.streams.media.waits import Waits
from control_plane.streams.model import EndReason, Stream
from control_plane.streams.running import RunningStreams

log = logging.getLogger(__name__)

PASS_S = 1.0
"""Time between two passes. Larger: changes whose hook was lost are noticed later. Smaller: more load on the media
server."""
AWAY_S = 3.0
"""Time without an answer of the media server until its streams count as interrupted. Larger: viewers learn later that
it is down. Smaller: a short stall interrupts streams."""
SLOW_S = 1.0
"""Time after which a listing counts as slow, and between the calls that check whether the media server answers at all.
Larger: a media server that hangs is noticed later. Smaller: more load on one that is busy."""
HINT_LOOKS = 20
"""Checks of a path until it shows what its hint says: with HINT_LOOK_S one second in all. Fewer: a slow change waits
for the next pass. More: requests that the next pass makes anyway."""
HINT_LOOK_S = 0.05
"""Time between two of these checks. Larger: viewers learn of a change later. Smaller: more requests."""
DISCONNECT_S = 3.0
"""Time that `disconnect` waits until the publisher is gone. Larger: its caller waits longer. Smaller: it returns False
although the publisher is about to go."""
ABREAST = 16
"""Changes that are applied at once; each takes a connection to the media server or the database. Larger: a pass can use
up the database's connections. Smaller: a pass with many changes takes longer."""
SLICE = 200
"""Streams that a pass compares before other tasks run: 200 take less than a millisecond. Larger: the event loop is
blocked for longer. Smaller: a pass takes longer."""
Step = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Hint:
    """A message of a hook: the media of this path has arrived (`online`) or has gone."""

    path: PathName
    online: bool
    source_id: SourceId | None


class Reconciler:
    """Runs one pass at a time, and follows hints between passes."""

    def __init__(
        self,
        media: MediaServer,
        running: RunningStreams,
        lifecycle: Lifecycle,
        database: Database,
        *,
        never_published_s: float,
        sockets: Callable[[StreamId], int],
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        pass_s: float = PASS_S,
    ) -> None:
        self._media = media
        self._running = running
        self._lifecycle = lifecycle
        self._database = database
        self._never_published_s = never_published_s
        self._sockets = sockets
        self._clock = clock
        self._monotonic = monotonic
        self._pass_s = pass_s
        self._publishers = Publishers(media, running, database)
        self._waits = Waits()
        self._hints: dict[PathName, tuple[Hint, int]] = {}
        """The newest hint of each path, and the number of checks left."""
        self._wake = asyncio.Event()
        self._answered_at = monotonic()
        self._away = False
        self._reachable = False

    @property
    def media_reachable(self) -> bool:
        return self._reachable

    def hint(self, hint: Hint) -> None:
        """Queue a hint; never waits. A newer hint of a path replaces the older one, because hints only say which path
        to check."""
        self._hints[hint.path] = (hint, HINT_LOOKS)
        self._wake.set()

    async def run(self) -> None:
        """Run until cancelled. Failures are retried in the next pass."""
        loop = asyncio.get_running_loop()
        next_pass = loop.time()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(next_pass):
                    await self._wake.wait()
            self._wake.clear()
            hints, self._hints = self._hints, {}
            await self._each([(path, partial(self._follow, *hint)) for path, hint in hints.items()])
            if loop.time() >= next_pass:  # hints must not delay the pass
                with _outages_logged():
                    await self.reconcile()
                next_pass = loop.time() + self._pass_s

    async def reconcile(self) -> None:
        """Run one pass over all paths and streams."""
        online = await self._list()
        changes: list[Change] = []
        stream_ids = [stream.id for stream in self._running.all()]
        for start in range(0, len(stream_ids), SLICE):
            rows = map(self._running.get, stream_ids[start : start + SLICE])
            changes += self._compare([stream for stream in rows if stream is not None], online)
            await asyncio.sleep(0)
        if self._running.following:  # otherwise streams of other processes look like strangers
            changes += strangers(online, self._running.by_path)
        await self._each([(path_of(change), partial(self._apply, change)) for change in changes])
        # Time that the pass waited for the database does not count as silence of the media server.
        self._answered_at = self._monotonic()
        unfinished = self._running.all()
        self._publishers.forget(unfinished, online.values())
        self._waits.forget(unfinished)

    async def disconnect(self, stream: Stream) -> bool:
        """After a stream was ended or its key rotated: disconnect the publisher that was admitted before, and wait
        until it is gone.

        False if the media server does not answer, or if the publisher is still there after DISCONNECT_S. Later passes
        retry.
        """
        try:
            async with asyncio.timeout(DISCONNECT_S):
                while True:
                    path = await self._media.get_path(stream.path)
                    if path is None or path.source is None or not await self._is_revoked(stream, path.source):
                        return True
                    await self._media.kick(path.source)
                    await asyncio.sleep(0.02)
        except (TimeoutError, MediaServerUnavailable, DatabaseUnavailable):
            log.warning("disconnection_not_confirmed", extra={"stream": stream.id})
            return False

    async def _is_revoked(self, stream: Stream, source: MediaSource) -> bool:
        if stream.ended:
            return True
        publisher = await self._publishers.look_up(stream, source)
        return publisher is not None and publisher.is_outdated(stream.key_version)

    async def _list(self) -> Mapping[PathName, MediaPath]:
        """List the paths on which media arrives. Raises MediaServerUnavailable; its streams count as interrupted once
        it has been away for too long."""
        began = self._monotonic()
        online: dict[PathName, MediaPath] = {}
        try:
            async with self._while_it_answers():
                async for page in self._media.list_paths():
                    self._answered_at = self._monotonic()
                    online |= {path.name: path for path in page if path.online and path.source is not None}
        except MediaServerUnavailable:
            self._reachable = False
            if began - self._answered_at > AWAY_S:
                self._away = True
                await self._interrupt_all()
            raise
        self._reachable = True
        if self._away:
            self._away = False
            self._waits.restart(began)
        return online

    @asynccontextmanager
    async def _while_it_answers(self) -> AsyncIterator[None]:
        """Let a listing take long, as long as the media server answers a call that does not wait for its paths. Raises
        MediaServerUnavailable when it does not."""
        loop = asyncio.get_running_loop()
        asking: list[asyncio.Task[None]] = []  # empty until the listing is slow, because nearly all are fast
        try:
            async with asyncio.timeout(None) as limit:
                timer = loop.call_later(SLOW_S, lambda: asking.append(loop.create_task(self._ask_until_silent(limit))))
                try:
                    yield
                finally:
                    timer.cancel()
                    for task in asking:
                        task.cancel()
        except TimeoutError as error:
            raise MediaServerUnavailable("The media server stopped answering during a listing.") from error

    async def _ask_until_silent(self, limit: asyncio.Timeout) -> None:
        with suppress(MediaServerUnavailable):
            while True:
                await self._media.info()
                self._answered_at = self._monotonic()
                await asyncio.sleep(SLOW_S)
        limit.reschedule(asyncio.get_running_loop().time())

    async def _interrupt_all(self) -> None:
        await self._each(
            [
                (stream.path, partial(self._lose, stream, stream.source_id, "media_server_lost"))
                for stream in self._running.all()
                if stream.source_id is not None
            ]
        )

    async def _follow(self, hint: Hint, looks: int) -> None:
        """Act on a hint. A hook may run before the control API shows the change, so the path is checked again for up to
        a second. Other hints are processed meanwhile."""
        if self._running.by_path(hint.path) is None:
            return
        path = await self._media.get_path(hint.path)
        source = path.source if path is not None and path.online else None
        not_yet = source is None if hint.online else source is not None and source.id == hint.source_id
        if not_yet and looks > 1:
            asyncio.get_running_loop().call_later(HINT_LOOK_S, self._look_again, hint, looks - 1)
        else:
            await self._check(hint.path, path if source else None)

    def _look_again(self, hint: Hint, looks: int) -> None:
        self._hints.setdefault(hint.path, (hint, looks))
        self._wake.set()

    async def _check(self, name: PathName, path: MediaPath | None) -> None:
        """Compare one path with the newest row of its stream, whose key may have been rotated meanwhile."""
        stream = self._running.by_path(name)
        if stream is not None:
            for change in self._compare([stream], {} if path is None else {name: path}):
                await self._apply(change)

    def _compare(self, streams: Sequence[Stream], online: Mapping[PathName, MediaPath]) -> list[Change]:
        """Note what the paths show, and return what has to change."""
        now = self._monotonic()
        for stream in streams:
            path = online.get(stream.path)
            if path is not None:
                self._publishers.note(stream, path)
            elif stream.source_id is None:
                self._waits.note(stream, now, watched=self._sockets(stream.id) > 0)
        return list(diff(streams, online, self._publishers.known, self._waits, now, self._never_published_s))

    async def _apply(self, change: Change) -> None:
        match change:
            case Unknown(stream, path, source):
                if await self._publishers.look_up(stream, source) is not None:  # otherwise already gone
                    await self._check(path.name, path)
            case Online(stream, publisher):
                replaced_bytes = self._publishers.inbound_bytes(stream.source_id)
                await self._lifecycle.publisher_online(
                    stream.id, publisher.connection, replaced_bytes, publisher.key_version
                )
            case Outdated(_, source):
                await self._media.kick(source)
            case Turned():
                await self._disconnect_turned(change)
            case Missing(stream, source_id):
                found = await self._media.get_path(stream.path)
                if found is None or not found.online:
                    await self._lose(stream, source_id, "publisher_lost")
            case Overdue(stream, reason):
                if reason is not EndReason.NEVER_PUBLISHED or not await self._got_gift(stream):
                    await self._lifecycle.end(stream.id, reason)
            case Stranger(path, source):
                if await self._media.kick(source):
                    log.info("publisher_disconnected", extra={"path": path.name, "source": source.id})

    async def _disconnect_turned(self, change: Turned) -> None:
        """Disconnect a publisher whose picture has turned. The media server keeps the first shape, so viewers by HLS
        see a stretched picture. The next connection begins with the new shape."""
        source = change.publisher.connection.source
        if await self._media.kick(source):
            self._publishers.expect(change.stream, change.publisher, change.size)
            log.info("publisher_turned", extra={"stream": change.stream.id, "source": source.id})

    async def _lose(self, stream: Stream, source_id: SourceId, why: str) -> None:
        await self._lifecycle.publisher_lost(stream.id, source_id, why, self._publishers.inbound_bytes(source_id))

    async def _got_gift(self, stream: Stream) -> bool:
        """Whether the stream got a gift recently, which also keeps an unpublished stream waiting."""
        since = self._clock() - dt.timedelta(seconds=self._never_published_s)
        return await store.gift_since(self._database, stream.id, since)

    async def _each(self, steps: Sequence[tuple[PathName, Step]]) -> None:
        """Run all steps, ABREAST at a time. A failure concerns the step's path; the others continue."""
        waiting = iter(steps)

        async def run_steps() -> None:
            for path, step in waiting:
                try:
                    with _outages_logged():
                        await step()
                except Exception:
                    log.exception("reconciler_failed", extra={"of": path[:200]})

        await asyncio.gather(*(run_steps() for _ in range(min(ABREAST, len(steps)))))


@contextmanager
def _outages_logged() -> Iterator[None]:
    try:
        yield
    except (MediaServerUnavailable, DatabaseUnavailable) as error:
        log.warning("reconciler_waits", extra={"for": error.code})
