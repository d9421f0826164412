"""The reconciler: compares the table of streams with the paths of the media server, and updates the streams to match.

Hooks may be lost, repeated or reordered, so the reconciler treats them as hints and reads the control API. Every PASS_S
it compares all paths, and at each hook one path, keyed by (stream, source). A listing that fails changes nothing. A
path that is missing in a listing counts as gone only after `get_path` has confirmed it.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from control_plane.base.clock import Clock, utc_now
from control_plane.base.ids import StreamId
from control_plane.db.pool import Database, DatabaseUnavailable
from control_plane.streams import store
from control_plane.streams.lifecycle import Lifecycle
from control_plane.streams.media.model import (
    MediaPath,
    MediaServer,
    MediaServerUnavailable,
    MediaSource,
    PathName,
    Size,
    SourceId,
)
from control_plane.streams.media.publisher import Publisher
from control_plane.streams.media.waits import Waits
from control_plane.streams.model import EndReason, Status, Stream
from control_plane.streams.running import FIRST_VERSION, RunningStreams

log = logging.getLogger(__name__)

PASS_S = 1.0
"""Time between two passes. Larger: changes whose hook was lost are noticed later. Smaller: more load on the media
server."""
AWAY_S = 3.0
"""Time without an answer of the media server until its streams count as interrupted. Larger: viewers learn later that
it is down. Smaller: a short stall interrupts streams."""
HINT_LOOKS = 20
"""Checks of a path until it shows what its hint says: with HINT_LOOK_S one second in all. Fewer: a slow change waits
for the next pass. More: requests that the next pass makes anyway."""
HINT_LOOK_S = 0.05
"""Time between two of these checks. Larger: viewers learn of a change later. Smaller: more requests."""
DISCONNECT_S = 3.0
"""Time that `disconnect` waits until the publisher is gone. Larger: its caller waits longer. Smaller: it returns False
although the publisher is about to go."""
ABREAST = 16
"""Streams that are checked or changed at once; each takes a connection to the media server or the database. Larger: a
pass can use up the database's connections. Smaller: a pass with many changes takes longer."""
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
    """Owns the comparison; runs one pass at a time."""

    def __init__(
        self,
        media: MediaServer,
        running: RunningStreams,
        lifecycle: Lifecycle,
        database: Database,
        *,
        never_published_s: float,
        sockets: Callable[[StreamId], int] = lambda stream_id: 0,
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
        self._waits = Waits()
        self._hints: dict[PathName, tuple[Hint, int]] = {}
        """The newest hint of each path, and the number of checks left."""
        self._wake = asyncio.Event()
        self._publishers: dict[SourceId, Publisher] = {}
        self._turned: dict[StreamId, Size] = {}
        """Streams whose publisher was disconnected because its picture turned, and the size with which it should
        return."""
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
            await self._each((str(path), partial(self._follow, *hint)) for path, hint in hints.items())
            if loop.time() >= next_pass:  # hints must not delay the pass
                await self._guarded("", self.reconcile)
                next_pass = loop.time() + self._pass_s

    async def reconcile(self) -> None:
        """Run one pass over all paths and streams."""
        now = self._monotonic()
        online: dict[PathName, MediaPath] = {}
        try:
            async for page in self._media.list_paths():
                self._answered_at = self._monotonic()
                online |= {path.name: path for path in page if path.online and path.source is not None}
        except MediaServerUnavailable:
            self._reachable = False
            if now - self._answered_at > AWAY_S:
                await self._media_server_away()
            raise
        self._reachable = True
        if self._away:
            self._away = False
            self._waits.restart(now)
        streams = list(self._running.all())
        steps: list[tuple[str, Step]] = []
        for start in range(0, len(streams), SLICE):
            for stream in streams[start : start + SLICE]:
                step = self._due(stream, online.get(stream.path), now)
                if step is not None:
                    steps.append((stream.path, step))
            await asyncio.sleep(0)
        if self._running.following:  # otherwise streams of other processes look like strangers
            strangers = [path for path in online.values() if self._running.by_path(path.name) is None]
            steps += [(path.name, partial(self._disconnect_stranger, path)) for path in strangers]
        await self._each(steps)
        # Time that the pass waited for the database does not count as silence of the media server.
        self._answered_at = self._monotonic()
        self._forget(streams, online.values())

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
            log.warning("publisher_not_put_out_yet", extra={"stream": stream.id})
            return False

    async def _each(self, steps: Iterable[tuple[str, Step]]) -> None:
        """Run all steps, ABREAST at a time."""
        waiting = iter(steps)

        async def work() -> None:
            for of, step in waiting:
                await self._guarded(of, step)

        await asyncio.gather(*(work() for _ in range(ABREAST)))

    async def _guarded(self, of: str, step: Step) -> None:
        """Run a step and log its failure. `of`: the path that the step concerns; "" for all paths."""
        try:
            await step()
        except (MediaServerUnavailable, DatabaseUnavailable) as error:
            log.warning("reconciler_waits", extra={"for": error.code})
        except Exception:
            if not of:
                raise
            # The failure concerns one stream; the steps of other streams continue.
            log.exception("reconciler_failed", extra={"of": of[:200]})

    async def _follow(self, hint: Hint, looks: int) -> None:
        """Act on a hint. A hook may run before the control API shows the change, so the path is checked again for up to
        a second. Other hints are processed meanwhile."""
        stream = self._running.by_path(hint.path)
        if stream is None:
            return
        path = await self._media.get_path(hint.path)
        source = path.source if path is not None and path.online else None
        not_yet = source is None if hint.online else source is not None and source.id == hint.source_id
        if not_yet and looks > 1:
            asyncio.get_running_loop().call_later(HINT_LOOK_S, self._look_again, hint, looks - 1)
        else:
            step = self._due(stream, path if source else None, self._monotonic())
            if step is not None:
                await step()

    def _look_again(self, hint: Hint, looks: int) -> None:
        self._hints.setdefault(hint.path, (hint, looks))
        self._wake.set()

    def _due(self, stream: Stream, path: MediaPath | None, now: float) -> Step | None:
        """Return what must be checked or written for this stream; None if nothing has changed. Nearly all streams of a
        pass are unchanged, and cost no task."""
        if path is not None and path.source is not None:
            if self._is_as_it_was(stream, path, path.source):
                return None
            return partial(self._publishing, stream, path, path.source)
        if stream.source_id is not None:
            return partial(self._absent, stream, stream.source_id)
        if stream.status is Status.INTERRUPTED:
            if self._waits.waited_s(stream, now) >= stream.grace_s:
                return partial(self._lifecycle.end, stream.id, EndReason.GRACE_OVER)
        elif self._sockets(stream.id):
            self._waits.start(stream, now)  # viewers on its live socket keep it waiting
        elif self._waits.waited_s(stream, now) >= self._never_published_s:
            return partial(self._never_published, stream)
        return None

    def _is_as_it_was(self, stream: Stream, path: MediaPath, source: MediaSource) -> bool:
        publisher = self._publishers.get(source.id)
        if publisher is None or stream.source_id != source.id or self._is_outdated(stream, publisher):
            return False
        self._note_size(stream, publisher, path.size)
        if path.size is not None and publisher.has_turned(path.size):
            return False
        publisher.inbound_bytes = path.inbound_bytes
        return True

    async def _never_published(self, stream: Stream) -> None:
        if not await self._was_given_to(stream):
            await self._lifecycle.end(stream.id, EndReason.NEVER_PUBLISHED)

    async def _publishing(self, stream: Stream, path: MediaPath, source: MediaSource) -> None:
        publisher = await self._publisher(stream, source)
        if publisher is None:
            return  # already gone; the next pass handles it
        if self._is_outdated(stream, publisher):
            await self._media.kick(source)
            return
        self._note_size(stream, publisher, path.size)
        if path.size is not None and publisher.has_turned(path.size):
            await self._disconnect_turned(stream, publisher, path.size)
            return
        if stream.source_id != source.id:
            replaced_bytes = self._bytes_of(stream.source_id)
            await self._lifecycle.publisher_online(
                stream.id, publisher.connection, replaced_bytes, publisher.key_version
            )
        publisher.inbound_bytes = path.inbound_bytes

    def _note_size(self, stream: Stream, publisher: Publisher, size: Size | None) -> None:
        if publisher.size is None and size is not None:
            publisher.begin(size, self._turned.pop(stream.id, None))

    async def _disconnect_turned(self, stream: Stream, publisher: Publisher, size: Size) -> None:
        """Disconnect a publisher whose picture has turned. The media server keeps the first shape, so viewers by HLS
        see a stretched picture. The next connection begins with the new shape."""
        if await self._media.kick(publisher.connection.source):
            publisher.may_turn = False
            self._turned[stream.id] = size
            log.info("publisher_turned", extra={"stream": stream.id, "source": publisher.connection.source.id})

    async def _absent(self, stream: Stream, source_id: SourceId) -> None:
        path = await self._media.get_path(stream.path)
        if path is None or not path.online:
            await self._lifecycle.publisher_lost(stream.id, source_id, "publisher_lost", self._bytes_of(source_id))

    async def _media_server_away(self) -> None:
        self._away = True
        await self._each(
            (stream.path, partial(self._lost, stream, stream.source_id, "media_server_lost"))
            for stream in self._running.all()
            if stream.source_id is not None
        )

    async def _lost(self, stream: Stream, source_id: SourceId, why: str) -> None:
        await self._lifecycle.publisher_lost(stream.id, source_id, why, self._bytes_of(source_id))

    async def _disconnect_stranger(self, path: MediaPath) -> None:
        """Disconnect a publisher whose path belongs to no unfinished stream: it was ended, or its user banned, between
        authorization and first frame."""
        if path.source is not None and await self._media.kick(path.source):
            log.info("publisher_put_out", extra={"path": path.name, "source": path.source.id})

    async def _is_revoked(self, stream: Stream, source: MediaSource) -> bool:
        if stream.ended:
            return True
        publisher = await self._publisher(stream, source)
        return publisher is not None and self._is_outdated(stream, publisher)

    def _is_outdated(self, stream: Stream, publisher: Publisher) -> bool:
        """Whether the publisher was admitted with a key that has been revoked since. Versions are compared, so neither
        clocks nor the duration of a commit matter. A publisher of unknown version is outdated: its encoder reconnects,
        and then its version is known."""
        known = self._running.get(stream.id) or stream  # `stream` may be as old as the start of a long pass
        newest = max(stream.key_version, known.key_version)
        return publisher.key_version is None or publisher.key_version < newest

    async def _publisher(self, stream: Stream, source: MediaSource) -> Publisher | None:
        known = self._publishers.get(source.id)
        if known is None:
            connection = await self._media.get_connection(source)
            if connection is None:
                return None
            version = await self._admitted_version(stream, source.id)
            known = self._publishers[source.id] = Publisher(connection, version, connection.inbound_bytes)
        return known

    async def _admitted_version(self, stream: Stream, source_id: SourceId) -> int | None:
        version = self._running.admitted_version(stream.id, source_id)
        if version is not None:
            return version
        if stream.key_version == FIRST_VERSION:
            return FIRST_VERSION  # the stream never had another version
        return await store.admitted_version(self._database, stream.id, source_id)

    def _bytes_of(self, source_id: SourceId | None) -> int:
        publisher = self._publishers.get(source_id) if source_id is not None else None
        return 0 if publisher is None else publisher.inbound_bytes

    async def _was_given_to(self, stream: Stream) -> bool:
        """Whether the stream got a gift recently, which also keeps an unpublished stream waiting."""
        since = self._clock() - dt.timedelta(seconds=self._never_published_s)
        return await store.gift_since(self._database, stream.id, since)

    def _forget(self, streams: Collection[Stream], online: Iterable[MediaPath]) -> None:
        sources = {path.source.id for path in online if path.source is not None}
        sources |= {stream.source_id for stream in streams if stream.source_id is not None}
        self._publishers = {id_: publisher for id_, publisher in self._publishers.items() if id_ in sources}
        unfinished = {stream.id for stream in streams}
        self._waits.keep(unfinished)
        self._turned = {id_: size for id_, size in self._turned.items() if id_ in unfinished}
