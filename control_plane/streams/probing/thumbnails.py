"""Thumbnails: one small JPEG per public stream, in a folder that is served. Kept for an hour after the stream's end."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from control_plane.base.ids import StreamId
from control_plane.db.pool import Database
from control_plane.jobs.kind import job
from control_plane.streams import store
from control_plane.streams.path import parse_id

log = logging.getLogger(__name__)

FOLDER = "thumbnails"
KEPT = dt.timedelta(hours=1)
"""Time that a thumbnail is kept after the end. Larger: more disk. Smaller: pages that still show the stream lose its
picture."""


class Thumbnails:
    """Owns `<media directory>/thumbnails`. Only probes write there, to the file that `file` names."""

    def __init__(self, media_dir: Path, database: Database) -> None:
        self._media_dir = media_dir
        self._database = database
        self._written_ms: dict[StreamId, int] = {}
        """Of each picture that is there."""

    def open(self, unfinished: Collection[StreamId]) -> None:
        """Take over the pictures of these streams that an earlier run left."""
        (self._media_dir / FOLDER).mkdir(parents=True, exist_ok=True)
        for stream_id in unfinished:
            if self.file(stream_id).exists():
                self.written(stream_id)

    def file(self, stream_id: StreamId) -> Path:
        return self._media_dir / _place(stream_id)

    def written(self, stream_id: StreamId) -> None:
        self._written_ms[stream_id] = time.time_ns() // 1_000_000

    def name(self, stream_id: StreamId) -> str:
        """Path below the media directory; "" without a picture."""
        return _place(stream_id) if stream_id in self._written_ms else ""

    def address(self, stream_id: StreamId) -> str:
        """The name and the time of writing: a new address for each picture, without a look at the file."""
        name = self.name(stream_id)
        return f"{name}?v={self._written_ms[stream_id]}" if name else ""

    def hide(self, hidden: Collection[StreamId]) -> None:
        """Delete the pictures of these streams at once."""
        for stream_id in self._written_ms.keys() & set(hidden):
            del self._written_ms[stream_id]
            _delete([self.file(stream_id)])

    async def delete_old(self) -> None:
        """The pictures of streams that ended an hour ago or that the database does not know, and the leftovers of killed
        probes."""
        found, strays = await asyncio.to_thread(_look, self._media_dir)
        kept = await store.not_ended_before(self._database, [*found, *self._written_ms], KEPT)
        for stream_id in self._written_ms.keys() - kept:
            del self._written_ms[stream_id]
        await asyncio.to_thread(
            _delete, [*strays, *(file for stream_id, file in found.items() if stream_id not in kept)]
        )


@job(every="*/10 * * * *")
async def delete_old_thumbnails(thumbnails: Thumbnails) -> None:
    await thumbnails.delete_old()


def _place(stream_id: StreamId) -> str:
    """Path below the media directory."""
    return f"{FOLDER}/{stream_id}.jpg"


def _look(media_dir: Path) -> tuple[dict[StreamId, Path], list[Path]]:
    """Pictures, and old files that are none. A young one may be what a probe is writing."""
    pictures: dict[StreamId, Path] = {}
    strays = []
    with suppress(FileNotFoundError):
        for file in (media_dir / FOLDER).iterdir():
            stream_id = parse_id(file.stem)
            if stream_id is not None and file == media_dir / _place(stream_id):
                pictures[stream_id] = file
            elif file.stat().st_mtime < time.time() - KEPT.total_seconds():
                strays.append(file)
    return pictures, strays


def _delete(files: Iterable[Path]) -> None:
    for file in files:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            log.warning("thumbnail_not_deleted", extra={"file": file.name, "why": error.strerror})
