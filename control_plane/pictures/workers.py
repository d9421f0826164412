"""Runs a Python program of ours on uploaded bytes: one process for each file, without privileges, killed at its
deadline."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from typing import IO

from control_plane.base import child
from control_plane.base.child import Kind

_OF_PYTHON = ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")
_ENDED_S = 5.0


class WorkerFailed(Exception):
    """The program was killed, at its deadline or at one of its limits, or answered too much."""


async def run(module: str, file: IO[bytes], deadline_s: float, largest: int) -> bytes:
    """Run `python -m <module>` with the file as its standard input. Returns its standard output, of at most `largest`
    bytes. Raises WorkerFailed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", module),
        env=child.environment(child.account_for(Kind.WORKER), *_OF_PYTHON),
        stdin=file,
        stdout=PIPE,
        stderr=DEVNULL,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(deadline_s):
            output = await _read(process, largest)
            status = await process.wait()
    except TimeoutError:
        raise WorkerFailed from None
    finally:
        await _kill(process)
    if status != 0:
        raise WorkerFailed
    return output


async def _read(process: Process, largest: int) -> bytes:
    assert process.stdout is not None
    output = bytearray()
    while chunk := await process.stdout.read(1 << 16):
        output += chunk
        if len(output) > largest:
            raise WorkerFailed
    return bytes(output)


async def _kill(process: Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        async with asyncio.timeout(_ENDED_S):
            await process.wait()
