"""Disconnects connections as soon as the key that admitted them is revoked, by the ids that the auth callback knows.

The media server closes a connection by id at once. Its listing of paths can take many seconds while encoders reconnect
constantly, and does not show a connection that was admitted but sends no media yet. So the reconciler's passes are only
the second line: they find what this process did not admit, and what could not be disconnected here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from control_plane.base.ids import StreamId
from control_plane.streams.media.model import Admitted, MediaServer, MediaServerUnavailable

log = logging.getLogger(__name__)

ABREAST = 8
"""Connections that are disconnected at once. Fewer: the last one of many stays longer. More: more requests to the media
server at the same time, each of which calls our auth callback."""
ATTEMPTS = 10
"""Attempts for each connection. By then a connection without media has reached the media server's read timeout, and the
reconciler's passes find the others. More: after a long outage, more requests for connections that are gone."""
RETRY_S = 1.0
"""Pause after the media server did not answer. Larger: a publisher stays longer. Smaller: more load on a media server
that is too slow already."""


class Revocations:
    """A queue of connections to disconnect. `add` is called by the table of streams."""

    def __init__(self, media: MediaServer, *, retry_s: float = RETRY_S) -> None:
        self._media = media
        self._retry_s = retry_s
        self._queue: asyncio.Queue[tuple[StreamId, Admitted]] = asyncio.Queue()

    def add(self, stream_id: StreamId, connections: Sequence[Admitted]) -> None:
        for connection in connections:
            self._queue.put_nowait((stream_id, connection))

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as workers:
            for _ in range(ABREAST):
                workers.create_task(self._work())

    async def _work(self) -> None:
        while True:
            await self._disconnect(*await self._queue.get())

    async def _disconnect(self, stream_id: StreamId, connection: Admitted) -> None:
        fields = {"stream": stream_id, "source": connection.id}
        for _ in range(ATTEMPTS):
            try:
                if await self._media.kick_admitted(connection):
                    log.info("publisher_disconnected", extra=fields)
                return
            except MediaServerUnavailable:
                await asyncio.sleep(self._retry_s)
        log.warning("publisher_still_connected", extra=fields)
