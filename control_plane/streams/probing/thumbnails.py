"""Thumbnails: one small JPEG per public stream, in a folder that is served. Kept for an hour after the stream's end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from pathlib import Path

from control_plane.base.ids import StreamId

log = logging.getLogger(__name__)

FOLDER = "thumbnails"
KEPT_S = 3600.0
"""Time that a thumbnail is kept after the end. Larger: more disk. Smaller: pages that still show the stream lose its
picture."""


class Thumbnails:
    """Owns `<media directory>/thumbnails`. Only probes write there, to the file that `file` names."""

    def __init__(
        self, media_dir: Path, kept_s: float = KEPT_S, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = media_dir / FOLDER
        self._kept_s = kept_s
        self._monotonic = monotonic
        self._ended_at: dict[StreamId, float | None] = {}
        """One entry per picture; None while its stream is unfinished."""
        self._written_ms: dict[StreamId, int] = {}

    def open(self, unfinished: Collection[StreamId]) -> None:
        """Take over the pictures that an earlier run left, and delete those of streams that have ended since."""
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
        """Path below the media directory; "" without a picture."""
        return f"{FOLDER}/{stream_id}.jpg" if stream_id in self._ended_at else ""

    def address(self, stream_id: StreamId) -> str:
        """The name and the time of writing: a new address for each picture, without a look at the file."""
        name = self.name(stream_id)
        return f"{name}?v={self._written_ms[stream_id]}" if name else ""

    def keep(self, unfinished: Collection[StreamId], hidden: Collection[StreamId] = ()) -> None:
        """Delete the pictures of streams that are not `unfinished`, an hour after the first call without them, and
        those of `hidden` streams at once."""
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
