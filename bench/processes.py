"""Processes of a benchmark: start and stop children, measure CPU and memory, pin to cores."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
CORES = os.cpu_count() or 1
SERVER_CORES = {0}
OTHER_CORES = set(range(1, CORES)) or {0}
"""Cores of the callers and of the database and MediaMTX: all but the measured server's, if there is more than one."""
KILL_S = 5.0
LEAVE_S = 60.0
"""A crowd has the lowest priority and first reads what was sent to it, which takes long on a busy machine."""


def cpu_s(pid: int) -> float:
    """Processor time of all current threads of a process: from Linux's scheduler in nanoseconds, elsewhere coarser."""
    with suppress(OSError, IndexError):
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        if tasks:
            return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def private_bytes(pid: int) -> int:
    """Memory that would be freed if the process ended (USS)."""
    return int(psutil.Process(pid).memory_full_info().uss)


def pin(pid: int, cores: Iterable[int]) -> None:
    """Pin all threads of a process, if the system supports it. Later threads and processes inherit it."""
    if not hasattr(os, "sched_setaffinity"):
        return
    for thread in psutil.Process(pid).threads():
        with suppress(ProcessLookupError):
            os.sched_setaffinity(thread.id, set(cores))


def family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


class Child:
    """A module of this package in a process of its own.

    It reads its configuration as a line of JSON, writes one when it is ready, and exits at the end of its standard
    input.
    """

    def __init__(self, process: asyncio.subprocess.Process, ready: Mapping[str, Any]) -> None:
        self.pid = process.pid
        self.ready = ready
        self._process = process

    @property
    def port(self) -> int:
        return int(self.ready["port"])

    async def leave(self, deadline_s: float = LEAVE_S) -> dict[str, Any]:
        """Let the child exit; returns the last line that it wrote."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        async with asyncio.timeout(deadline_s):
            written = await self._process.stdout.read()
            await self._process.wait()
        answer: dict[str, Any] = json.loads(written or b"{}")
        return answer


@asynccontextmanager
async def child(module: str, config: Mapping[str, Any], ready_s: float = 60.0) -> AsyncIterator[Child]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
        limit=1 << 20,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(dict(config)).encode() + b"\n")
        async with asyncio.timeout(ready_s):
            line = await process.stdout.readline()
        if not line:
            raise RuntimeError(f"{module} ended before it was ready")
        yield Child(process, json.loads(line))
    finally:
        if process.returncode is None:
            process.kill()
            async with asyncio.timeout(KILL_S):
                await process.wait()


async def configuration(reader: asyncio.StreamReader) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(await reader.readline())
    return config


async def stdin() -> asyncio.StreamReader:
    """Standard input of a child: the first line is its configuration, the end means that it should exit."""
    reader = asyncio.StreamReader(limit=1 << 24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def say(**ready: object) -> None:
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
