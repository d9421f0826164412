"""Runs a program on uploaded bytes: one process for each file, without privileges, killed at its deadline.

Everything happens in a thread. Starting a process from the event loop blocks the loop for up to 0.1 s, because uvloop
waits until the new process has executed its program.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from subprocess import DEVNULL, PIPE
from typing import IO

from control_plane.base import child
from control_plane.base.child import Kind

_OF_PYTHON = ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")


class WorkerFailed(Exception):
    """The program failed, was killed at its deadline or at one of its limits, or wrote too much."""


def python(module: str) -> list[str]:
    """The command line of a module of ours, which restricts itself after its imports."""
    return [sys.executable, "-P", "-m", module]


async def run(argv: Sequence[str], deadline_s: float, largest: int, file: IO[bytes] | None = None) -> bytes:
    """Run the program with the file as its standard input. Returns its standard output, of at most `largest` bytes.
    Raises WorkerFailed. The process has ended when this returns, also when it is cancelled."""
    its_file = os.dup(file.fileno()) if file else None  # its own: the caller may close the file while we start
    starting = asyncio.ensure_future(asyncio.to_thread(_start, argv, its_file))
    try:
        process = await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _end(await starting)
        raise
    except OSError:
        raise WorkerFailed from None
    finishing = asyncio.ensure_future(asyncio.to_thread(_finish, process, largest))
    try:
        async with asyncio.timeout(deadline_s):
            output = await asyncio.shield(finishing)
    except TimeoutError:
        raise WorkerFailed from None
    finally:
        _kill(process)
        await asyncio.wait([finishing])
    if process.returncode != 0 or len(output) > largest:
        raise WorkerFailed
    return output


def _start(argv: Sequence[str], file: int | None) -> subprocess.Popen[bytes]:
    account = child.account_for(Kind.WORKER)
    try:
        return subprocess.Popen(
            argv,
            env=child.environment(account, *_OF_PYTHON),
            cwd="/" if account else None,
            stdin=DEVNULL if file is None else file,
            stdout=PIPE,
            stderr=DEVNULL,
            start_new_session=True,
        )
    finally:
        if file is not None:
            os.close(file)


def _finish(process: subprocess.Popen[bytes], largest: int) -> bytes:
    """Read until the end, or one byte more than it may write, and reap the process."""
    assert process.stdout is not None
    with process.stdout as stdout:
        output = stdout.read(largest + 1)
    if len(output) > largest:
        _kill(process)
    process.wait()
    return output


async def _end(process: subprocess.Popen[bytes]) -> None:
    _kill(process)
    await asyncio.to_thread(_finish, process, 0)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill it with what it started. No effect once it is reaped."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
