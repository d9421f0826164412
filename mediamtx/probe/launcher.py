"""Fork one probe process per order, kill it at its deadline, and forward its answer."""

from __future__ import annotations

import importlib
import math
import os
import select
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from resource import RLIMIT_CPU, setrlimit

from control_plane.streams.probing.model import Outcome, ProbeResult
from mediamtx.probe.messages import LARGEST_ANSWER_BYTES, Answer, Order, line, order_decoder

OVERTIME_S = 3.0
"""Time after its deadline at which a probe is killed. A probe that does not hang ends by itself at its deadline.
Smaller: on a busy machine, where it waits for the processor, it is killed before it reports why."""
_WATCH_S = 0.05
_READ_BYTES = 1 << 16
_LAZY = (
    *("encodings.idna", "concurrent.futures.thread", "av.subtitles.stream"),
    *("cryptography.hazmat.backends.openssl.backend", "cryptography.hazmat.primitives.serialization.ssh"),
)
"""Modules that Python, PyAV and aiortc import on first use. They are imported early: after root has changed to an
unprivileged user they may not be readable."""


@dataclass(slots=True)
class _Child:
    """A running probe. `answer` is our end of its own pipe: probes share no output, because hostile media may take over
    the decoder of one."""

    number: int
    kill_at: float
    answer: int
    received: bytearray = field(default_factory=bytearray)


def load() -> None:
    """Import what probes need before the first fork, so that each probe finds it loaded."""
    for name in ("mediamtx.probe.probe", *_LAZY):
        with suppress(ImportError):  # the probe imports it again and reports the error
            importlib.import_module(name)


def serve(orders: int, answers: int) -> None:
    """Read orders until the end of `orders` and write answers to `answers`, both file descriptors.

    Nothing here may start a thread: forking a process with threads is unsafe.
    """
    children: dict[int, _Child] = {}
    reader = _Reader(orders)
    try:
        while not reader.over:
            pipes = [child.answer for child in children.values()]
            readable = select.select([orders, *pipes], [], [], _WATCH_S if children else None)[0]
            if orders in readable:
                for order in reader.read():
                    started = time.monotonic()
                    pid, answer = _launch(
                        order, [orders, answers, *(child.answer for child in children.values())], started
                    )
                    children[pid] = _Child(order.number, started + order.deadline_s + OVERTIME_S, answer)
            _watch(children, answers)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)


@dataclass(slots=True)
class _Reader:
    orders: int
    over: bool = False
    _begun: bytearray = field(default_factory=bytearray)

    def read(self) -> Iterator[Order]:
        got = os.read(self.orders, _READ_BYTES)
        self.over = not got
        *whole, rest = (self._begun + got).split(b"\n")
        self._begun = rest
        yield from map(order_decoder.decode, whole)


def _launch(order: Order, not_its: Collection[int], started: float) -> tuple[int, int]:
    """Fork the probe's process. Returns its pid and the read end of its answer pipe."""
    ours, its = os.pipe()
    pid = os.fork()
    if pid:
        os.close(its)
        os.set_blocking(ours, False)
        return pid, ours
    status = 1
    try:
        for descriptor in (ours, *not_its):
            os.close(descriptor)
        allowed_s = order.deadline_s + 2 * OVERTIME_S
        signal.setitimer(signal.ITIMER_REAL, allowed_s)  # ends this process even if the launcher is gone
        cpu_s = math.ceil(allowed_s) * (os.cpu_count() or 1)
        setrlimit(RLIMIT_CPU, (cpu_s, cpu_s))
        _write(its, line(_probe(order, started)))
        status = 0
    finally:
        os._exit(status)  # skips the launcher's cleanup; the exit releases all resources of the probe


def _probe(order: Order, started: float) -> Answer:
    try:
        from mediamtx.probe.probe import probe

        return probe(order, started)
    except Exception as error:  # every error becomes an answer, without its text, which may hold a URL with a secret
        return _failed(order.number, type(error).__name__)


def _watch(children: dict[int, _Child], answers: int) -> None:
    """Read and forward answers, reap exited probes, answer for failed ones, and kill those past their deadline."""
    now = time.monotonic()
    for pid, child in list(children.items()):
        late = child.kill_at <= now
        if late or len(child.received) > LARGEST_ANSWER_BYTES:
            os.kill(pid, signal.SIGKILL)
        ended, status = os.waitpid(pid, os.WNOHANG)
        _read(child)
        if ended:
            del children[pid]
            os.close(child.answer)
            if status:
                why = "killed at its deadline" if late else f"ended with status {status}"
                _write(answers, line(_failed(child.number, why)))
            else:
                _write(answers, child.received)


def _read(child: _Child) -> None:
    with suppress(BlockingIOError):
        while len(child.received) <= LARGEST_ANSWER_BYTES and (got := os.read(child.answer, _READ_BYTES)):
            child.received += got


def _write(descriptor: int, message: bytes | bytearray) -> None:
    while message:
        message = message[os.write(descriptor, message) :]


def _failed(number: int, why: str) -> Answer:
    return Answer(number, ProbeResult(Outcome.FAILED, why=why))
