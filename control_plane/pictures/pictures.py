"""Uploaded pictures become small JPEGs, and GIFs where they move: recognised by their content, decoded and encoded again
in a bounded process."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import IO

import msgspec

from control_plane.pictures import workers
from control_plane.pictures.model import (
    EMPTY,
    LARGEST_ANSWER,
    LARGEST_BYTES,
    TOO_MANY_BYTES,
    TOO_MUCH_WORK,
    UNSUPPORTED,
    Answer,
    Picture,
    PictureRefused,
    is_known,
)
from control_plane.pictures.turns import Turns
from control_plane.pictures.workers import WorkerFailed

AT_ONCE, WAITING = 2, 16
"""Pictures decoded at once, and those that wait. More at once take the processor from the server; more that wait wait
longer than an app does."""
DEADLINE_S = 20.0
"""Of one picture. The largest take 2 s on a free processor."""
_HEAD_BYTES = 16
_DECODER = "control_plane.pictures.decoder"


class Pictures:
    def __init__(self, at_once: int = AT_ONCE, waiting: int = WAITING, deadline_s: float = DEADLINE_S) -> None:
        self._turns = Turns(at_once, waiting)
        self._deadline_s = deadline_s

    async def process(self, upload: Path | bytes) -> Picture:
        """Raises PictureRefused and TooManyPictures."""
        file = await asyncio.to_thread(_opened, upload)
        with file:
            async with self._turns.one():
                try:
                    output = await workers.run(_DECODER, file, self._deadline_s, LARGEST_ANSWER)
                except WorkerFailed:
                    raise PictureRefused(TOO_MUCH_WORK) from None
        return _parsed(output)


def _opened(upload: Path | bytes) -> IO[bytes]:
    """The upload as an open file, which begins like a picture. Raises PictureRefused."""
    file: IO[bytes]
    if isinstance(upload, bytes):
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  the caller closes it
        file.write(upload)
    else:
        file = upload.open("rb", buffering=0)
    try:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise PictureRefused(EMPTY)
        if size > LARGEST_BYTES:
            raise PictureRefused(TOO_MANY_BYTES)
        file.seek(0)
        if not is_known(file.read(_HEAD_BYTES)):
            raise PictureRefused(UNSUPPORTED)
        file.seek(0)  # the process shares the file's position
    except BaseException:
        file.close()
        raise
    return file


def _parsed(output: bytes) -> Picture:
    """The decoder's answer. A hostile picture may have taken it over, so all of it is checked."""
    head, _, rest = output.partition(b"\n")
    try:
        answer = msgspec.json.decode(head, type=Answer)
    except msgspec.DecodeError:
        raise PictureRefused(TOO_MUCH_WORK) from None
    if answer.refused:
        raise PictureRefused(answer.refused[:200])
    parts = []
    for length in answer.lengths:
        parts.append(rest[: max(length, 0)])
        rest = rest[max(length, 0) :]
    full, small, animated = (*parts, b"", b"", b"")[:3]
    if not (full.startswith(b"\xff\xd8\xff") and small.startswith(b"\xff\xd8\xff")):
        raise PictureRefused(TOO_MUCH_WORK)
    return Picture(full, small, animated if animated.startswith(b"GIF89a") else b"")
