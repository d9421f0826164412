"""Run ffmpeg as a child process within limits: the executable of LIVE_FFMPEG, else that of the package imageio-ffmpeg."""

from __future__ import annotations

import asyncio
import math
import os
import re
from collections.abc import Sequence
from pathlib import Path

from control_plane.base import child
from control_plane.base.child import Account, Limits
from control_plane.base.errors import ControlPlaneError, ErrorKind

NICE = 10
"""Leaves ffmpeg a tenth of a processor beside a process that uses all of it. Smaller: MediaMTX and the event loop wait
for it."""

_QUIET = ("-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning")

_SECRET = re.compile(r"(token=|publish:live/[0-9]+::)[^\s&'\":,]*")
_VERSION = re.compile(r"ffmpeg version (\S+)")
_VERSION_S = 4.0
_TAIL_BYTES = 2_000
MEMORY_BYTES = 4 << 30
"""Limit of address space. The stacks of ffmpeg's threads count: with 64 cores a quarter of this is too little."""
_OPEN_FILES = 256
OUT_OF_TIME = frozenset({123, 255})
"""Its exit statuses after SIGXCPU, which it handles. 123: it came a fourth time, as it does after each further second of
processor time, which many threads use up at once."""


class FfmpegFailed(ControlPlaneError):
    """ffmpeg is missing, failed, or timed out. The text includes the end of its output, without secrets."""

    code = "ffmpeg_failed"
    kind = ErrorKind.STOPS

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status
        """Its exit status, negative after a signal; None: it did not run to its end."""


class FfmpegTooSlow(FfmpegFailed):
    """It did not end before its deadline."""

    code = "ffmpeg_too_slow"


def executable(setting: str = "") -> Path:
    """The executable that `setting` (LIVE_FFMPEG) names, else the bundled one. Raises FfmpegFailed."""
    if setting:
        program = Path(setting).expanduser().absolute()
        if not program.is_file() or not os.access(program, os.X_OK):
            raise FfmpegFailed(f"LIVE_FFMPEG={setting} is not an executable file.")
        return program
    import imageio_ffmpeg  # not needed with LIVE_FFMPEG

    try:
        return Path(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise FfmpegFailed(
            "There is no bundled ffmpeg for this platform: install ffmpeg and set LIVE_FFMPEG to its path."
        ) from error


async def version(program: Path) -> str:
    """Run `ffmpeg -version` and return the version. Raises FfmpegFailed."""
    account = child.account_for(child.Kind.WORKER)
    written = await _run(program, ["-version"], f"{program} -version", _VERSION_S, account, nice=0)
    if found := _VERSION.match(written):
        return found[1]
    raise FfmpegFailed(f"{program} is not ffmpeg: `-version` printed {written[:100]!r}.")


def masked(text: str) -> str:
    """Replace stream keys in a query or an SRT stream id by ***."""
    return _SECRET.sub(r"\1***", text)


async def spawn(arguments: Sequence[str], program: Path | None = None) -> asyncio.subprocess.Process:
    """Start ffmpeg without limits, in a session of its own, which the terminal's Ctrl-C does not reach.

    For publishers of tests and trials. `program` is the bundled one by default. Raises FfmpegFailed. The caller reads
    `stderr`; ffmpeg blocks when that pipe is full.
    """
    try:
        return await asyncio.create_subprocess_exec(
            *child.command([program or executable(), *_QUIET, *arguments], None, Limits()),
            env=child.environment(None),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise FfmpegFailed(f"ffmpeg cannot be run: {error.strerror}.") from error


async def run(
    arguments: Sequence[str],
    what: str,
    deadline_s: float,
    account: Account | None = None,
    *,
    program: Path | None = None,
    nice: int = NICE,
    memory_bytes: int = MEMORY_BYTES,
    cpu_s: int | None = None,
) -> str:
    """Run ffmpeg within limits, wait for it and return the end of its output. `what` names the task in the text of
    FfmpegFailed. `program` is the bundled one by default. `cpu_s`: the processor time of all threads; by default as much as
    there is before the deadline. At its end the status is one of OUT_OF_TIME."""
    argv = [*_QUIET, *arguments]
    program = program or executable()
    return await _run(program, argv, what, deadline_s, account, nice=nice, memory_bytes=memory_bytes, cpu_s=cpu_s)


async def _run(
    program: Path,
    arguments: Sequence[str],
    what: str,
    deadline_s: float,
    account: Account | None,
    *,
    nice: int,
    memory_bytes: int = MEMORY_BYTES,
    cpu_s: int | None = None,
) -> str:
    cpu_s = cpu_s or math.ceil(deadline_s) * (os.cpu_count() or 1)
    limits = Limits(memory_bytes, cpu_s, _OPEN_FILES, nice, ends_with_parent=True)
    try:
        path = await asyncio.to_thread(child.runnable, program, account)
        status, output = await child.run([path, *arguments], account, limits, deadline_s)
    except TimeoutError:
        raise FfmpegTooSlow(f"{what} took longer than {deadline_s:.0f} seconds.") from None
    except OSError as error:
        raise FfmpegFailed(f"ffmpeg cannot be run: {error.strerror}.") from error
    written = masked(output.decode(errors="replace"))
    if status != 0:
        raise FfmpegFailed(
            f"{what} failed: ffmpeg ended with status {status}. It wrote:\n{written[-_TAIL_BYTES:].strip()}",
            status,
        )
    return written
