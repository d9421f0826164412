"""Runs a module of ours on uploaded bytes: one process for each file, without privileges, killed at its deadline."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import IO

from control_plane.base import child
from control_plane.base.child import Kind

_OF_PYTHON = ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV")


class WorkerFailed(Exception):
    """The process failed, was killed at its deadline or at one of its limits, or wrote too much."""


class WorkerTooSlow(WorkerFailed):
    """The process used up its processor time: the file takes too much work."""


class WorkerInterrupted(WorkerFailed):
    """The process could not be started, did not end before its deadline although it had processor time left, or was
    killed: the machine is busy or out of memory."""


async def run(module: str, file: IO[bytes], deadline_s: float, largest: int) -> bytes:
    """Run the module, which restricts itself after its imports, with the file as its standard input. Returns its
    standard output, of at most `largest` bytes. Raises WorkerFailed. The process has ended when this returns, also when
    it is cancelled."""
    account = child.account_for(Kind.WORKER)
    its_file = os.dup(file.fileno())  # the caller may close the file while the process is started

    def start() -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", module],
                env=child.environment(account, *_OF_PYTHON),
                cwd="/" if account else None,
                stdin=its_file,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        finally:
            os.close(its_file)

    def read(stdout: IO[bytes]) -> bytes:
        output = stdout.read(largest + 1)
        if len(output) > largest:
            raise WorkerFailed
        return output

    try:
        status, output = await child.finished(start, read, deadline_s)
    except OSError:  # TimeoutError is one
        raise WorkerInterrupted from None
    if status == -signal.SIGXCPU:
        raise WorkerTooSlow
    if status == -signal.SIGKILL:
        raise WorkerInterrupted
    if status != 0:
        raise WorkerFailed
    return output
