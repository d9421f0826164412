"""One small picture per public stream, in a folder that is served: kept for an hour after the stream's end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from pathlib import Path

from control_plane.base.ids import StreamId

log = logging.getLogger(__name__)

FOLDER = "thumbnails"
KEPT_S = 3600.0


class Thumbnails:
    """Owns `<media directory>/thumbnails`. Probes write there what `file` names; nobody else does."""

    def __init__(
        self, media_dir: Path, kept_s: float = KEPT_S, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = media_dir / FOLDER
        self._kept_s = kept_s
        self._monotonic = monotonic
        self._ended_at: dict[StreamId, float | None] = {}
        """Of each picture that is there; None while its stream goes on."""
        self._written_ms: dict[StreamId, int] = {}

    def open(self, unfinished: Collection[StreamId]) -> None:
        """Begin with what an earlier start has left, but for the pictures of streams that have ended since."""
        self._folder.mkdir(parents=True, exist_ok=True)
        wanted = {self.file(stream_id): stream_id for stream_id in unfinished}
        for file in self._folder.iterdir():
            if file in wanted:
                self.written(wanted[file])
            else:
                _delete(file)

    def file(self, stream_id: StreamId) -> Path:
        return self._folder / f"{stream_id}.jpg"

    def written(self, stream_id: StreamId) -> None:
        self._ended_at[stream_id] = None
        self._written_ms[stream_id] = time.time_ns() // 1_000_000

    def name(self, stream_id: StreamId) -> str:
        """Below the media directory; "" when there is none."""
        return f"{FOLDER}/{stream_id}.jpg" if stream_id in self._ended_at else ""

    def address(self, stream_id: StreamId) -> str:
        """The name, followed by when the picture was written: another address for each picture, without a look at the file."""
        name = self.name(stream_id)
        return f"{name}?v={self._written_ms[stream_id]}" if name else ""

    def keep(self, unfinished: Collection[StreamId], hidden: Collection[StreamId] = ()) -> None:
        """Delete the pictures of all others, an hour after this was first said of them, and those of `hidden` streams at once."""
        now = self._monotonic()
        for stream_id, ended_at in list(self._ended_at.items()):
            if stream_id in hidden:
                self._drop(stream_id)
            elif stream_id in unfinished:
                continue
            elif ended_at is None:
                self._ended_at[stream_id] = now
            elif now - ended_at >= self._kept_s:
                self._drop(stream_id)

    def _drop(self, stream_id: StreamId) -> None:
        del self._ended_at[stream_id], self._written_ms[stream_id]
        _delete(self.file(stream_id))


def _delete(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        log.warning("thumbnail_not_deleted", extra={"file": file.name, "why": error.strerror})
