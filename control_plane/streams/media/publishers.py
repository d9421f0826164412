"""The publishers that the reconciler has looked up, by connection."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from control_plane.base.ids import StreamId
from control_plane.db.pool import Database
from control_plane.streams import store
from control_plane.streams.media.model import MediaPath, MediaServer, MediaSource, Size, SourceId
from control_plane.streams.media.publisher import Publisher
from control_plane.streams.model import Stream
from control_plane.streams.running import FIRST_VERSION, RunningStreams


class Publishers:
    """Each is looked up once: its connection at the media server, and the version of the key that admitted it."""

    def __init__(self, media: MediaServer, running: RunningStreams, database: Database) -> None:
        self._media = media
        self._running = running
        self._database = database
        self.known: dict[SourceId, Publisher] = {}
        self._turned: dict[StreamId, Size] = {}
        """Streams whose publisher was disconnected because its picture turned, and the size with which it should
        return."""

    async def look_up(self, stream: Stream, source: MediaSource) -> Publisher | None:
        """Return the publisher of this connection; None if it is already gone."""
        known = self.known.get(source.id)
        if known is None:
            connection = await self._media.get_connection(source)
            if connection is None:
                return None
            version = await self._admitted_version(stream, source.id)
            known = self.known[source.id] = Publisher(connection, version, connection.inbound_bytes)
        return known

    async def _admitted_version(self, stream: Stream, source_id: SourceId) -> int | None:
        version = self._running.admitted_version(stream.id, source_id)
        if version is not None:
            return version
        if stream.key_version == FIRST_VERSION:
            return FIRST_VERSION  # the stream never had another version
        return await store.admitted_version(self._database, stream.id, source_id)

    def note(self, stream: Stream, path: MediaPath) -> None:
        """Note what the listing shows of the path's publisher, if it was looked up."""
        publisher = self.known.get(path.source.id) if path.source is not None else None
        if publisher is None:
            return
        publisher.inbound_bytes = path.inbound_bytes
        if publisher.size is None and path.size is not None:
            publisher.begin(path.size, self._turned.pop(stream.id, None))

    def expect(self, stream: Stream, publisher: Publisher, size: Size) -> None:
        """Note that this publisher was disconnected, to return with a picture of this size."""
        publisher.may_turn = False
        self._turned[stream.id] = size

    def inbound_bytes(self, source_id: SourceId | None) -> int:
        """Bytes that this publisher had sent when it was last listed; 0 if unknown."""
        publisher = self.known.get(source_id) if source_id is not None else None
        return 0 if publisher is None else publisher.inbound_bytes

    def forget(self, streams: Collection[Stream], online: Iterable[MediaPath]) -> None:
        """Forget all but the publishers of these streams and paths."""
        sources = {path.source.id for path in online if path.source is not None}
        sources |= {stream.source_id for stream in streams if stream.source_id is not None}
        for source_id in self.known.keys() - sources:
            del self.known[source_id]
        for stream_id in self._turned.keys() - {stream.id for stream in streams}:
            del self._turned[stream_id]
