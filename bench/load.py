"""Load generator for HTTP servers: callers on raw sockets in a process of their own, with as little CPU as possible.

Each caller sends a request, waits for the whole answer, and sends the next.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import re
import selectors
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle

from bench.processes import cpu_s, pin

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_NO_ANSWER_S = 10.0
_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Load:
    """`requests` are sent in turn; without `once` they repeat. An answer without `expect` counts as a failure.

    With `then`, a call is two requests on one connection, and only the second answer is checked.
    """

    port: int
    requests: Sequence[bytes]
    callers: int = 1
    seconds: float = 2.0
    keep_alive: bool = True
    once: bool = False
    expect: bytes = b"HTTP/1.1 2"
    then: bytes = b""


@dataclass(frozen=True, slots=True)
class Answers:
    """Result of one run of a load."""

    latencies_s: Sequence[float]
    """Sorted. Without keep-alive they include making the connection."""
    seconds: float
    failures: int
    first_failure: str
    answer_bytes: int
    """Size of the last answer."""

    @property
    def calls(self) -> int:
        return len(self.latencies_s)

    @property
    def per_s(self) -> float:
        return self.calls / self.seconds

    def quantile_ms(self, share: float) -> float:
        return quantile(self.latencies_s, share) * 1000


def quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def post(path: str, body: bytes, **headers: str) -> bytes:
    """A POST request as bytes; `_` in the names of headers becomes `-`."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def apply(load: Load) -> Answers:
    """Run the load; called in the callers' process."""
    requests = iter(load.requests) if load.once else cycle(load.requests)
    latencies: list[float] = []
    failures, first_failure, size = 0, "", 0
    started = time.perf_counter()
    until = started + load.seconds
    with selectors.DefaultSelector() as waiting:
        calls: dict[socket.socket, tuple[float, bytes, bytes]] = {}
        """For each open call: its start, the request that is still to be sent, the received part of the answer."""

        def ask(connection: socket.socket | None) -> None:
            request = next(requests, None)
            at = time.perf_counter()
            if request is None or at >= until:
                if connection is not None:
                    waiting.unregister(connection)
                    connection.close()
                return
            if connection is None:
                connection = connect(load.port)
                waiting.register(connection, selectors.EVENT_READ)
            calls[connection] = (at, load.then, b"")
            connection.sendall(request)

        for _ in range(load.callers):
            ask(None)
        while calls:
            ready = waiting.select(_NO_ANSWER_S)
            if not ready:
                raise TimeoutError(f"no answer within {_NO_ANSWER_S:.0f} s")
            for key, _ in ready:
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                at, then, received = calls[connection]
                chunk = connection.recv(1 << 16)
                received += chunk
                if not chunk and not is_whole(received):
                    raise ConnectionError(f"the server closed the connection after {received[:_SHOWN]!r}")
                if not is_whole(received):
                    calls[connection] = (at, then, received)
                    continue
                if then:
                    calls[connection] = (at, b"", b"")
                    connection.sendall(then)
                    continue
                latencies.append(time.perf_counter() - at)
                size = len(received)
                if load.expect not in received:
                    failures += 1
                    first_failure = first_failure or received[-_SHOWN:].decode(errors="replace")
                del calls[connection]
                if load.keep_alive:
                    ask(connection)
                else:
                    waiting.unregister(connection)
                    connection.close()
                    ask(None)
    seconds = time.perf_counter() - started
    return Answers(sorted(latencies), seconds, failures, first_failure, size)


def connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=_NO_ANSWER_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def is_whole(received: bytes) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    if not end:
        return False
    length = _LENGTH.search(head)
    return len(body) >= (int(length[1]) if length else 0)


@dataclass(frozen=True, slots=True)
class Measured:
    answers: Answers
    cpu_us: float
    """CPU of the serving process per call, with everything else that it did during the run."""


class Callers:
    """A process that sends load. Create it with `callers`."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    async def apply(self, load: Load, work: Callable[[Load], Answers] = apply) -> Answers:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(load.seconds + 60):
            answers = await loop.run_in_executor(self._pool, work, load)
        if answers.failures:
            raise RuntimeError(f"{answers.failures} of {answers.calls} calls failed: {answers.first_failure}")
        return answers

    async def measure(self, load: Load, pid: int, background_cpu: float = 0.0) -> Measured:
        """`background_cpu`: CPU use of the process without these calls, in processors; it is subtracted."""
        before = cpu_s(pid)
        answers = await self.apply(load)
        used = cpu_s(pid) - before - background_cpu * answers.seconds
        return Measured(answers, used / max(1, answers.calls) * 1e6)


@asynccontextmanager
async def callers(cores: set[int] | None = None) -> AsyncIterator[Callers]:
    """Start a process of callers, on these cores only."""
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
    try:
        pid = await asyncio.get_running_loop().run_in_executor(pool, os.getpid)
        try:
            if cores:
                pin(pid, cores)
            yield Callers(pool)
        finally:
            os.kill(pid, signal.SIGKILL)  # it may be in the middle of a load
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
