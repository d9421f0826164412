"""Makes the files of an upload with ffmpeg, in a folder of its own that is deleted afterwards."""

from __future__ import annotations

import asyncio
import errno
import math
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from control_plane.base import child, ffmpeg
from control_plane.base.child import Kind
from control_plane.base.ffmpeg import FfmpegFailed
from control_plane.pictures.model import NICE
from control_plane.storage.model import StorageUnavailable
from control_plane.storage.space import Space
from control_plane.videos.processing import plan
from control_plane.videos.processing.model import BROKEN, TOO_SLOW, NotAVideo, Probed
from control_plane.videos.processing.probe import probe

SLOWEST = 24.0
"""Processor time for one second of video: 4K with HDR and 60 frames takes 12. Larger: a hostile file holds the encoder for
longer. Smaller: slow machines refuse what phones record."""
AT_LEAST_S = 240.0
"""Processor time for short videos."""
PATIENCE = 1.0
"""The deadline of an ffmpeg, as a multiple of its processor time. One that gets less than a whole processor reaches the
deadline, and the job begins again: that is no fault of the video. Larger: one that hangs holds its place for longer.
Smaller: busy servers begin again."""
PROGRESS_S = 1.0
"""Time between two looks at the progress. Longer: the app's bar jerks. Shorter: more queries."""
LEAST_FREE_BYTES = 256 << 20
"""With less disk left, ffmpeg's failure is the server's, not the video's."""
_FULL = {errno.ENOSPC, errno.EDQUOT}
_KILLED = -9
_PROGRESS_TAIL = 1000

Told = Callable[[int], Awaitable[None]]
"""Called with the percentage done. What it raises ends the work."""


class Source(NamedTuple):
    """A stored file to work on. It is copied, because ffmpeg runs as a user that must not read the server's files."""

    content: AsyncIterator[bytes]
    bytes: int


@dataclass(frozen=True, slots=True)
class _Workshop:
    scratch: Path
    """Where ffmpeg works, with the source in it."""
    results: Path
    """Which ffmpeg cannot write."""
    spaces: tuple[Space, Space]
    """Of the disks of the two, which may be one."""

    @asynccontextmanager
    async def room(self, size: int) -> AsyncIterator[None]:
        """Space for files that ffmpeg writes, and for their copies. Raises NoRoomForUploads."""
        in_scratch, in_results = self.spaces
        async with in_scratch.room(size), in_results.room(size):
            yield


@dataclass(frozen=True, slots=True)
class Made:
    """Files that are deleted at the exit of the encoder."""

    media: Path
    small: Path
    """`media` where that is as small."""
    poster: Path
    preview: Path
    width: int
    height: int
    duration_ms: int


class Encoder:
    """`folder` is where files are kept while they are worked on, on the disk of `space`. `ffmpeg_setting` is LIVE_FFMPEG."""

    def __init__(self, folder: Path, ffmpeg_setting: str = "", space: Space | None = None) -> None:
        self._folder = folder
        self._ffmpeg_setting = ffmpeg_setting
        self._space = space or Space(folder, 0)
        self._scratch_space: Space | None = None

    def clear(self) -> None:
        """Delete what a killed server left behind. Blocks."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @asynccontextmanager
    async def encoded(self, upload: Source, told: Told) -> AsyncIterator[Made]:
        """All files of the upload, until the exit. Raises NotAVideo; for a fault of the server FfmpegFailed,
        ProbeUnavailable, StorageUnavailable and NoRoomForUploads."""
        async with self._workshop(upload) as workshop:
            scratch, results = workshop.scratch, workshop.results
            probed = await probe(scratch / plan.UPLOAD)
            async with workshop.room(plan.most_bytes(probed)):
                gain = await self._gain_db(probed, scratch)
                await self._watched(plan.encoding(probed, gain, scratch), probed, scratch, told)
                names = [plan.MEDIA, *([plan.SMALL] if plan.has_small(probed) else []), plan.POSTER, plan.PREVIEW]
                await self._take(workshop, names)
                media, small = results / plan.MEDIA, results / plan.SMALL
                made = await probe(media)
                yield Made(
                    media=media,
                    small=small if small.exists() else media,
                    poster=results / plan.POSTER,
                    preview=results / plan.PREVIEW,
                    width=made.size[0],
                    height=made.size[1],
                    duration_ms=made.duration_ms,
                )

    @asynccontextmanager
    async def watermarked(self, media: Source, mark: bytes, duration_ms: int) -> AsyncIterator[Path]:
        """The video with the mark, a PNG, until the exit. Raises what `encoded` does."""
        async with self._workshop(media) as workshop, workshop.room(plan.most_bytes_marked(duration_ms)):
            await asyncio.to_thread((workshop.scratch / plan.MARK).write_bytes, mark)
            await self._run(plan.watermarking(workshop.scratch), "A watermark", duration_ms)
            await self._take(workshop, [plan.MEDIA])
            yield workshop.results / plan.MEDIA

    @asynccontextmanager
    async def _workshop(self, source: Source) -> AsyncIterator[_Workshop]:
        with_folders = ExitStack()  # in threads: to delete large files takes long
        try:
            with _full_as_such():
                await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)
                account = child.account_for(Kind.WORKER)
                working = child.scratch(self._folder, account, "work-")
                scratch = await asyncio.to_thread(with_folders.enter_context, working)
                keeping = child.scratch(self._folder, None, "made-")
                results = await asyncio.to_thread(with_folders.enter_context, keeping)
                if self._scratch_space is None:
                    self._scratch_space = await asyncio.to_thread(self._space.of, scratch.parent)
                async with self._scratch_space.room(source.bytes) as room:
                    with await asyncio.to_thread((scratch / plan.UPLOAD).open, "wb") as file:
                        async for chunk in source.content:
                            await asyncio.to_thread(file.write, chunk)
                            room.written(len(chunk))
                yield _Workshop(scratch, results, (self._scratch_space, self._space))
        finally:
            await asyncio.to_thread(with_folders.close)

    async def _take(self, workshop: _Workshop, names: Sequence[str]) -> None:
        for name in names:
            try:
                await asyncio.to_thread(child.take, workshop.scratch / name, workshop.results / name)
            except FileNotFoundError:
                raise NotAVideo(BROKEN) from None

    async def _gain_db(self, probed: Probed, scratch: Path) -> float:
        if probed.audio is None:
            return 0.0
        output = await self._run(plan.measuring(probed.audio, scratch), "The loudness of a video", probed.duration_ms)
        return plan.gain_db(output)

    async def _watched(self, arguments: Sequence[str], probed: Probed, scratch: Path, told: Told) -> None:
        running = asyncio.ensure_future(self._run(arguments, "A video", probed.duration_ms))
        try:
            while not (await asyncio.wait([running], timeout=PROGRESS_S))[0]:
                await told(await asyncio.to_thread(_percent, scratch / plan.PROGRESS, probed.duration_ms))
            await running
        finally:
            running.cancel()
            await asyncio.wait([running])

    async def _run(self, arguments: Sequence[str], what: str, duration_ms: int) -> str:
        program = await asyncio.to_thread(ffmpeg.executable, self._ffmpeg_setting)
        cpu_s = math.ceil(AT_LEAST_S + SLOWEST * duration_ms / 1000)
        account = child.account_for(Kind.WORKER)
        try:
            return await ffmpeg.run(arguments, what, cpu_s * PATIENCE, account, program=program, nice=NICE, cpu_s=cpu_s)
        except FfmpegFailed as error:
            if error.status is None or error.status == _KILLED:
                raise
            if error.status in ffmpeg.OUT_OF_TIME:
                raise NotAVideo(TOO_SLOW) from error
            for folder in (self._folder, child.scratch_place(self._folder, account)):
                if (await asyncio.to_thread(shutil.disk_usage, folder)).free < LEAST_FREE_BYTES:
                    raise StorageUnavailable from error
            raise NotAVideo(BROKEN) from error


@contextmanager
def _full_as_such() -> Iterator[None]:
    """A full disk as StorageUnavailable."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageUnavailable from error
        raise


def _percent(progress: Path, duration_ms: int) -> int:
    """By the end of what ffmpeg has written so far. Files of a child are not trusted: no link is followed."""
    with suppress(OSError, ValueError):
        descriptor = os.open(progress, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            file.seek(max(0, os.fstat(descriptor).st_size - _PROGRESS_TAIL))
            _, _, last = file.read(_PROGRESS_TAIL).rpartition(b"out_time_us=")
        return max(0, min(99, int(last.split(b"\n")[0]) // 10 // max(1, duration_ms)))
    return 0
