"""All streams that have not ended, in memory: what the auth callback answers from and the reconciler compares with.

The database is the truth. This copy is loaded at the start, changed by the transactions of this process as they commit, kept fresh by
notifications of other processes, and loaded anew whenever the connection that listens was lost.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

from control_plane.base.ids import LARGEST_ID, StreamId
from control_plane.bus.postgres import Bus, Message, Topic, notify_within
from control_plane.db.connections import Connection
from control_plane.db.pool import DEADLINE_S, Database, DatabaseUnavailable
from control_plane.streams import store
from control_plane.streams.access import AccessRequest, Action, Verdict, decide
from control_plane.streams.keys import StreamKeys
from control_plane.streams.media.model import PathName, SourceId
from control_plane.streams.model import Stream
from control_plane.streams.probing.keys import ProbeKeys

log = logging.getLogger(__name__)

FIRST_VERSION = 1
MISS_DEADLINE_S = 0.05
AGAIN_S = 1.0
ADMITTED_MAX = 32
"""Connections remembered per stream: the one that publishes, and attempts that are not online yet. Only who has the key adds to them."""
OVER_MAX = 10_000
"""Ended streams whose ids are remembered, each about 100 bytes."""
_PATH = re.compile(r"live/([1-9][0-9]{0,9})")


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
        self._admitted: dict[StreamId, dict[SourceId, int]] = {}
        """Of each stream here: with which key version a connection was let in; the oldest first."""
        self._over: dict[StreamId, None] = {}
        """Streams that have ended, the oldest first: an encoder that goes on knocking with such a key costs no query each time."""
        self._no_lookup_until = 0.0
        self._stale: set[StreamId] = set()
        self._later: set[StreamId] = set()
        """Ours, to be looked at once more in AGAIN_S: the answer to a COMMIT may come late, or never."""
        self._reads: list[set[StreamId]] = []
        """Of each read that is under way: what was put here since it began."""
        self._reload_all = True
        self._follows = False
        self._wake = asyncio.Event()
        self._missing = asyncio.Lock()
        self._current_until = 0.0

    def follow(self) -> None:
        """From now on changes of streams in other processes are read. Before `run`."""
        self._bus.subscribe(Topic.STREAM, self._notified)
        self._bus.on_resync(self._resync)

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, stream_id: StreamId) -> Stream | None:
        return self._by_id.get(stream_id)

    def by_path(self, path: PathName) -> Stream | None:
        return self._by_path.get(path)

    def all(self) -> Collection[Stream]:
        return list(self._by_id.values())

    def admitted_version(self, stream_id: StreamId, source_id: SourceId) -> int | None:
        """The version of the key that let this connection in; None where this process did not, or has forgotten."""
        return self._admitted.get(stream_id, {}).get(source_id)

    def _admit(self, stream: Stream, source_id: SourceId) -> None:
        admitted = self._admitted.setdefault(stream.id, {})
        admitted.pop(source_id, None)
        admitted[source_id] = stream.key_version
        if len(admitted) > ADMITTED_MAX:
            del admitted[next(iter(admitted))]

    def put(self, stream: Stream) -> None:
        """Take over a change of ours that is committed."""
        self._set(stream)
        self._later.add(stream.id)

    def _set(self, stream: Stream) -> None:
        """An ended stream leaves the table."""
        for changed in self._reads:
            changed.add(stream.id)
        old = self._by_id.pop(stream.id, None)
        if old is not None:
            self._by_path.pop(old.path, None)
        if stream.ended:
            self._admitted.pop(stream.id, None)
            self._over[stream.id] = None
            if len(self._over) > OVER_MAX:
                del self._over[next(iter(self._over))]
        else:
            self._by_id[stream.id] = stream
            self._by_path[stream.path] = stream

    def look_at(self, stream_id: StreamId) -> None:
        """Read this one anew: something may have become of it."""
        self._stale.add(stream_id)
        self._wake.set()

    async def tell_others(self, connection: Connection, stream_id: StreamId) -> None:
        """With the transaction that changes it. We know by `put`."""
        await notify_within(connection, Topic.STREAM, stream_id, self._bus.name)

    @property
    def current(self) -> bool:
        """Whether what we know is recent enough to let publishers in."""
        return self.following or asyncio.get_running_loop().time() < self._current_until

    @property
    def following(self) -> bool:
        """Whether we hear of what other processes change, and have read what they changed before."""
        return self._follows and self._bus.connected.is_set()

    async def decide(self, request: AccessRequest) -> Verdict:
        """From memory, but for one case: a publisher with a valid first key of a stream that we have not heard of costs one short query,
        one at a time, and none within AGAIN_S after one that was not answered. Nobody without such a key can cause any."""
        stream = self._by_path.get(request.path)
        publishes = request.action is Action.PUBLISH
        if stream is None and publishes and request.keys:
            stream = await self._missed(request.path, request.keys)
        verdict = decide(request, stream, self._keys, current=self.current, probe_keys=self._probe_keys)
        if verdict is Verdict.ALLOW and publishes and stream is not None and request.source_id is not None:
            self._admit(stream, request.source_id)
        return verdict

    async def load(self) -> None:
        """Read the whole table. Raises DatabaseUnavailable, and then leaves it as it was."""
        with self._reading() as changed:
            streams = await store.unfinished(self._database)
        newer = [self._by_id[id_] for id_ in changed if id_ in self._by_id]
        kept = [stream for stream in streams if stream.id not in changed]
        self._by_id = {stream.id: stream for stream in kept + newer}
        self._by_path = {stream.path: stream for stream in kept + newer}
        self._admitted = {id_: admitted for id_, admitted in self._admitted.items() if id_ in self._by_id}
        for stream_id in changed:
            self.look_at(stream_id)
        self._current_until = asyncio.get_running_loop().time() + self._away_s

    async def run(self) -> None:
        """Follow the notifications, until cancelled."""
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
            self._reload_all = False  # before the read, during which the listening connection may be lost again
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
        """Bring these rows over. What was put here while we read stays: it is newer than the row in all likelihood, and another look will
        tell."""
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
        match = _PATH.fullmatch(path)
        if match is None or int(match[1]) > LARGEST_ID:
            return None
        stream_id = StreamId(int(match[1]))
        if stream_id in self._over or not any(self._keys.made_by_us(key, stream_id, FIRST_VERSION) for key in keys):
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
