"""Run the ffmpeg of the pip package `imageio-ffmpeg` as a child process that is always killed at the end."""

from __future__ import annotations

import asyncio
import math
import os
import re
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import imageio_ffmpeg

from control_plane.base import child
from control_plane.base.child import Account, Limits
from control_plane.base.errors import ControlPlaneError, ErrorKind

_QUIET = ("-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning")

_SECRET = re.compile(r"(token=|publish:live/[0-9]+::)[^\s&'\":,]*")
_TAIL_BYTES = 2_000
_KILLED_S = 5.0
_UNLIMITED = Limits()
_MEMORY_BYTES = 4 << 30
"""Limit of address space. The stacks of ffmpeg's threads count: with 64 cores a quarter of this is too little."""
_OPEN_FILES = 256


class FfmpegFailed(ControlPlaneError):
    """ffmpeg is missing, failed, or timed out. The text includes the end of its output, without secrets."""

    code = "ffmpeg_failed"
    kind = ErrorKind.STOPS


def executable() -> str:
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise FfmpegFailed(
            "There is no bundled ffmpeg for this platform: install ffmpeg and set IMAGEIO_FFMPEG_EXE to its path."
        ) from error


def masked(text: str) -> str:
    """Replace stream keys in a query or an SRT stream id by ***."""
    return _SECRET.sub(r"\1***", text)


async def spawn(
    arguments: Sequence[str], account: Account | None = None, limits: Limits = _UNLIMITED
) -> asyncio.subprocess.Process:
    """Start ffmpeg in a session of its own, which the terminal's Ctrl-C does not reach. Raises FfmpegFailed.

    The caller reads `stderr`; ffmpeg blocks when that pipe is full.
    """
    try:
        program = await asyncio.to_thread(child.runnable, Path(executable()), account)
        return await asyncio.create_subprocess_exec(
            *child.command([program, *_QUIET, *arguments], account, limits),
            env=child.environment(account),
            cwd="/" if account else None,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise FfmpegFailed(f"ffmpeg cannot be run: {error.strerror}.") from error


async def run(arguments: Sequence[str], what: str, deadline_s: float, account: Account | None = None) -> None:
    """Run ffmpeg within limits and wait for it. Raises FfmpegFailed; `what` names the task in its text."""
    cpu_s = math.ceil(deadline_s) * (os.cpu_count() or 1)
    process = await spawn(arguments, account, Limits(_MEMORY_BYTES, cpu_s, _OPEN_FILES))
    try:
        async with asyncio.timeout(deadline_s):
            _, written = await process.communicate()
    except TimeoutError:
        raise FfmpegFailed(f"{what} took longer than {deadline_s:.0f} seconds.") from None
    finally:
        await kill(process)
    if process.returncode != 0:
        end = masked(written[-_TAIL_BYTES:].decode(errors="replace").strip())
        raise FfmpegFailed(f"{what} failed: ffmpeg ended with status {process.returncode}. It wrote:\n{end}")


async def kill(process: asyncio.subprocess.Process) -> None:
    """Send SIGKILL if the process runs, and wait until it has ended."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        async with asyncio.timeout(_KILLED_S):
            await process.wait()
