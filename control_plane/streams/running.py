"""The table of unfinished streams, in memory. The auth callback answers from it, and the reconciler compares it with
the media server.

The database is authoritative. The table is loaded at the start and updated when transactions of this process commit.
Notifications of other processes refresh it, and it is loaded again whenever the listening connection was lost.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress

from cachetools import LRUCache

from control_plane.base.ids import StreamId
from control_plane.bus.model import Bus, Message, Topic
from control_plane.bus.notify import notify_within
from control_plane.db.connections import Connection
from control_plane.db.pool import DEADLINE_S, Database, DatabaseUnavailable
from control_plane.streams import store
from control_plane.streams.access import AccessRequest, Action, Verdict, decide
from control_plane.streams.keys import StreamKeys
from control_plane.streams.media.model import Admitted, PathName, SourceId
from control_plane.streams.model import Stream
from control_plane.streams.path import id_of
from control_plane.streams.probing.keys import ProbeKeys

log = logging.getLogger(__name__)

FIRST_VERSION = 1
"""The key version of a new stream."""
MISS_DEADLINE_S = 0.05
"""Timeout of the one query that the auth callback may make. Larger: the media server's event loop is blocked for
longer. Smaller: a slow database refuses new streams of other processes."""
AGAIN_S = 1.0
"""Time until own changes are read again, and pause after a lookup that failed. Larger: a lost answer to a COMMIT is
corrected later. Smaller: more queries."""
ADMITTED_MAX = 32
"""Connections remembered per stream: the one that publishes, and attempts that are not online yet. Only holders of the
key add to them. Larger: more memory. Smaller: the publisher's own entry may be evicted, and when the key is revoked, a
connection without an entry stays until the reconciler finds it on a path."""
OVER_MAX = 10_000
"""Ended streams whose ids are remembered, about 100 bytes each. Larger: more memory. Smaller: encoders that retry with
an old key cost queries."""


class RunningStreams:
    """Owns the table of unfinished streams."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        keys: StreamKeys,
        away_s: float,
        *,
        probe_keys: ProbeKeys | None = None,
        miss_s: float = MISS_DEADLINE_S,
    ) -> None:
        self._database = database
        self._bus = bus
        self._keys = keys
        self._away_s = away_s
        self._probe_keys = probe_keys
        self._miss_s = miss_s
        self._by_id: dict[StreamId, Stream] = {}
        self._by_path: dict[PathName, Stream] = {}
        self._admitted: dict[StreamId, dict[SourceId, Admitted]] = {}
        """Per stream: the connections that its keys admitted, the oldest first."""
        self._over: LRUCache[StreamId, bool] = LRUCache(OVER_MAX)
        """Ended streams: an encoder that keeps retrying with such a key costs no query."""
        self._no_lookup_until = 0.0
        self._stale: set[StreamId] = set()
        self._later: set[StreamId] = set()
        """Own changes to read again after AGAIN_S, in case the answer to a COMMIT came late or was lost."""
        self._reads: list[set[StreamId]] = []
        """Per read in progress: the streams that were put here since it began."""
        self._reload_all = True
        self._follows = False
        self._wake = asyncio.Event()
        self._missing = asyncio.Lock()
        self._current_until = 0.0
        self._on_change: list[Callable[[StreamId], None]] = []
        self._on_reload: list[Callable[[], None]] = []
        self._on_revoke: list[Callable[[StreamId, Sequence[Admitted]], None]] = []

    def follow(self) -> None:
        """Subscribe to changes of streams in other processes. Called before `run`."""
        self._bus.subscribe(Topic.STREAM, self._notified)
        self._bus.on_resync(self._resync)

    def on_change(self, changed: Callable[[StreamId], None]) -> None:
        """`changed` is called with each stream that was added, replaced or removed. It must not block or raise."""
        self._on_change.append(changed)

    def on_reload(self, reloaded: Callable[[], None]) -> None:
        """`reloaded` is called when the whole table was read: any stream may have changed."""
        self._on_reload.append(reloaded)

    def on_revoke(self, revoked: Callable[[StreamId, Sequence[Admitted]], None]) -> None:
        """`revoked` is called with the connections of a stream whose key has become invalid: the stream has ended, or
        has another key. The table refuses the old key already. It must not block or raise."""
        self._on_revoke.append(revoked)

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, stream_id: StreamId) -> Stream | None:
        return self._by_id.get(stream_id)

    def by_path(self, path: PathName) -> Stream | None:
        return self._by_path.get(path)

    def all(self) -> Collection[Stream]:
        return list(self._by_id.values())

    def admitted_version(self, stream_id: StreamId, source_id: SourceId) -> int | None:
        """Version of the key that admitted this connection; None if another process admitted it, or if it was
        forgotten."""
        admitted = self._admitted.get(stream_id)
        connection = None if admitted is None else admitted.get(source_id)
        return None if connection is None else connection.key_version

    def _admit(self, stream: Stream, source_id: SourceId, protocol: str) -> None:
        admitted = self._admitted.setdefault(stream.id, {})
        admitted.pop(source_id, None)
        admitted[source_id] = Admitted(source_id, protocol, stream.key_version)
        if len(admitted) > ADMITTED_MAX:
            del admitted[next(iter(admitted))]

    def put(self, stream: Stream) -> None:
        """Apply a committed change of this process."""
        self._set(stream)
        self._later.add(stream.id)

    def _set(self, stream: Stream) -> None:
        """Replace the stream in the table; an ended one is removed."""
        for put_meanwhile in self._reads:
            put_meanwhile.add(stream.id)
        old = self._by_id.pop(stream.id, None)
        if old is not None:
            self._by_path.pop(old.path, None)
        if stream.ended:
            self._over[stream.id] = True
        else:
            self._by_id[stream.id] = stream
            self._by_path[stream.path] = stream
        if old is not None:
            self._revoke(old)
        for changed in self._on_change:
            changed(stream.id)

    def _revoke(self, old: Stream) -> None:
        """Report the connections that were admitted with a key that the table now refuses."""
        now = self._by_id.get(old.id)
        if now is not None and now.key_version == old.key_version:
            return
        admitted = self._admitted.get(old.id, {}) if now is not None else self._admitted.pop(old.id, {})
        revoked = [one for one in admitted.values() if now is None or one.key_version < now.key_version]
        for called in self._on_revoke if revoked else ():
            called(old.id, revoked)

    def look_at(self, stream_id: StreamId) -> None:
        """Read this stream again: it may have changed."""
        self._stale.add(stream_id)
        self._wake.set()

    async def tell_others(self, connection: Connection, stream_id: StreamId) -> None:
        """Notify the other processes within the transaction that changes the stream. This process learns of it by
        `put`."""
        await notify_within(connection, Topic.STREAM, stream_id, self._bus.name)

    @property
    def current(self) -> bool:
        """Whether the table is recent enough to admit publishers."""
        return self.following or asyncio.get_running_loop().time() < self._current_until

    @property
    def following(self) -> bool:
        """Whether changes of other processes are received, and their earlier changes have been read."""
        return self._follows and self._bus.connected.is_set()

    async def decide(self, request: AccessRequest) -> Verdict:
        """Decide from memory, with one exception: a publisher with a signed key of the first version, for a stream that
        is not in the table, costs one short query. These queries run one at a time, and pause for AGAIN_S after one
        that failed. A client without such a key cannot cause any."""
        stream = self._by_path.get(request.path)
        publishes = request.action is Action.PUBLISH
        if stream is None and publishes and request.keys:
            stream = await self._missed(request.path, request.keys)
        verdict = decide(request, stream, self._keys, current=self.current, probe_keys=self._probe_keys)
        if verdict is Verdict.ALLOW and publishes and stream is not None and request.source_id is not None:
            self._admit(stream, request.source_id, request.protocol)
        return verdict

    async def load(self) -> None:
        """Read the whole table. Raises DatabaseUnavailable; the table is then unchanged."""
        with self._reading() as changed:
            streams = await store.unfinished(self._database)
        newer = [self._by_id[id_] for id_ in changed if id_ in self._by_id]
        kept = [stream for stream in streams if stream.id not in changed]
        before = self._by_id
        self._by_id = {stream.id: stream for stream in kept + newer}
        self._by_path = {stream.path: stream for stream in kept + newer}
        for old in before.values():
            self._revoke(old)
        for stream_id in changed:
            self.look_at(stream_id)
        for reloaded in self._on_reload:
            reloaded()
        self._current_until = asyncio.get_running_loop().time() + self._away_s

    async def run(self) -> None:
        """Process notifications until cancelled."""
        loop = asyncio.get_running_loop()
        look_again_at = loop.time() + AGAIN_S
        while True:
            if self.following:
                self._current_until = loop.time() + self._away_s
            with suppress(TimeoutError):
                async with asyncio.timeout_at(look_again_at):
                    await self._wake.wait()
            self._wake.clear()
            if loop.time() >= look_again_at:
                self._stale |= self._later
                self._later.clear()
                look_again_at = loop.time() + AGAIN_S
            try:
                await self._refresh()
            except DatabaseUnavailable:
                log.warning("running_streams_stale")
                await asyncio.sleep(0.2)
                self._wake.set()

    async def _refresh(self) -> None:
        if self._reload_all:
            self._stale.clear()
            self._reload_all = False  # cleared before the read, during which the listening connection may be lost again
            try:
                await self.load()
            except DatabaseUnavailable:
                self._reload_all = True
                raise
            self._follows = not self._reload_all
        while self._stale:
            stale, self._stale = self._stale, set()
            try:
                await self._read(stale)
            except DatabaseUnavailable:
                self._stale |= stale
                raise

    async def _read(self, stream_ids: Collection[StreamId], deadline_s: float = DEADLINE_S) -> None:
        """Copy these rows to the table. Streams that were put here during the read stay, because they are probably
        newer, and are read again."""
        with self._reading() as changed:
            streams = await store.by_ids(self._database, stream_ids, deadline_s)
        for stream in streams:
            if stream.id in changed:
                self.look_at(stream.id)
            else:
                self._set(stream)

    @contextmanager
    def _reading(self) -> Iterator[set[StreamId]]:
        changed: set[StreamId] = set()
        self._reads.append(changed)
        try:
            yield changed
        finally:
            self._reads = [read for read in self._reads if read is not changed]

    async def _missed(self, path: PathName, keys: Collection[str]) -> Stream | None:
        stream_id = id_of(path)
        if stream_id is None:
            return None
        if self._over.get(stream_id) or not any(self._keys.made_by_us(key, stream_id, FIRST_VERSION) for key in keys):
            return None
        loop = asyncio.get_running_loop()
        if loop.time() < self._no_lookup_until:
            return None
        try:
            async with asyncio.timeout(self._miss_s), self._missing:
                if path not in self._by_path:
                    await self._read([stream_id], self._miss_s)
        except (TimeoutError, DatabaseUnavailable):
            log.warning("unknown_stream_not_looked_up", extra={"stream": stream_id})
            self._no_lookup_until = loop.time() + AGAIN_S
        return self._by_path.get(path)

    def _notified(self, message: Message) -> None:
        if message.sender == self._bus.name:
            self._later.add(StreamId(message.id))
        else:
            self.look_at(StreamId(message.id))

    def _resync(self) -> None:
        self._reload_all, self._follows = True, False
        self._wake.set()
