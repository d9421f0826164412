"""One process per order, killed at its deadline."""

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
from mediamtx.probe.order import LARGEST_ANSWER_BYTES, Answer, Order, line, order_decoder

OVERTIME_S = 1.0
"""A probe ends by itself at its deadline, unless it hangs."""
_WATCH_S = 0.05
_READ_BYTES = 1 << 16
_LAZY = (
    *("encodings.idna", "concurrent.futures.thread", "av.subtitles.stream"),
    *("cryptography.hazmat.backends.openssl.backend", "cryptography.hazmat.primitives.serialization.ssh"),
)
"""What Python, PyAV and aiortc import when they first need it. Where root started us, our user may not be able to read it then."""


@dataclass(slots=True)
class _Child:
    """`answer` is the end of its pipe: no probe writes where others do, since what it decodes may have taken it over."""

    number: int
    kill_at: float
    answer: int
    told: bytearray = field(default_factory=bytearray)


def load() -> None:
    """It takes a moment, which is not the probes': each finds it loaded."""
    for name in ("mediamtx.probe.look", *_LAZY):
        with suppress(ImportError):  # the probe will tell
            importlib.import_module(name)


def serve(orders: int, answers: int) -> None:
    """Until the end of `orders`; both are file descriptors. Nothing here may start a thread: a process that has some must not fork."""
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
    """Its process id, and where its answer comes from."""
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
        signal.setitimer(signal.ITIMER_REAL, allowed_s)  # ends us, if nobody is left to do it
        cpu_s = math.ceil(allowed_s) * (os.cpu_count() or 1)
        setrlimit(RLIMIT_CPU, (cpu_s, cpu_s))
        _write(its, line(_probe(order, started)))
        status = 0
    finally:
        os._exit(status)  # there is nothing to tidy up that the end of a process does not


def _probe(order: Order, started: float) -> Answer:
    try:
        from mediamtx.probe.look import probe

        return probe(order, started)
    except Exception as error:  # whatever it is, it is an answer; its text could hold an address with a secret
        return _failed(order.number, type(error).__name__)


def _watch(children: dict[int, _Child], answers: int) -> None:
    """Pass on what they tell, collect the dead, answer for those who could not, and kill whoever is late."""
    now = time.monotonic()
    for pid, child in list(children.items()):
        late = child.kill_at <= now
        if late or len(child.told) > LARGEST_ANSWER_BYTES:
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
                _write(answers, child.told)


def _read(child: _Child) -> None:
    with suppress(BlockingIOError):
        while len(child.told) <= LARGEST_ANSWER_BYTES and (got := os.read(child.answer, _READ_BYTES)):
            child.told += got


def _write(descriptor: int, message: bytes | bytearray) -> None:
    while message:
        message = message[os.write(descriptor, message) :]


def _failed(number: int, why: str) -> Answer:
    return Answer(number, ProbeResult(Outcome.FAILED, why=why))
