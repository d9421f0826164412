"""One process per order, killed at its deadline."""

from __future__ import annotations

import importlib
import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from control_plane.streams.probe import Outcome, ProbeResult
from mediamtx.probe.order import Answer, Order, line, order_decoder

OVERTIME_S = 1.0
"""A probe ends by itself at its deadline, unless it hangs."""
_WATCH_S = 0.05
_READ_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class _Child:
    number: int
    kill_at: float


def serve(orders: int, answers: int) -> None:
    """Until the end of `orders`; both are file descriptors. Nothing here may start a thread: a process that has some must not fork."""
    children: dict[int, _Child] = {}
    reader = _Reader(orders)
    try:
        while not reader.over:
            for order in reader.read(_WATCH_S if children else None):
                _load()
                started = time.monotonic()
                pid = _launch(order, orders, answers, started)
                children[pid] = _Child(order.number, started + order.deadline_s + OVERTIME_S)
            _watch(children, answers)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)


@dataclass(slots=True)
class _Reader:
    orders: int
    over: bool = False
    _begun: bytearray = field(default_factory=bytearray)

    def read(self, patience_s: float | None) -> Iterator[Order]:
        if not select.select([self.orders], [], [], patience_s)[0]:
            return
        got = os.read(self.orders, _READ_BYTES)
        self.over = not got
        *whole, rest = (self._begun + got).split(b"\n")
        self._begun = rest
        yield from map(order_decoder.decode, whole)


def _load() -> None:
    """The first time it may take seconds, which are not the probe's; from then on each finds it loaded."""
    with suppress(ImportError):  # the probe will tell
        importlib.import_module("mediamtx.probe.look")


def _launch(order: Order, orders: int, answers: int, started: float) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.close(orders)
        signal.setitimer(signal.ITIMER_REAL, order.deadline_s + 2 * OVERTIME_S)  # ends us, if nobody is left to do it
        os.write(answers, line(Answer(order.number, _probe(order, started))))
        status = 0
    finally:
        os._exit(status)  # there is nothing to tidy up that the end of a process does not


def _probe(order: Order, started: float) -> ProbeResult:
    try:
        from mediamtx.probe.look import probe

        return probe(order, started)
    except Exception as error:  # whatever it is, it is an answer; its text could hold an address with a secret
        return ProbeResult(Outcome.FAILED, why=type(error).__name__)


def _watch(children: dict[int, _Child], answers: int) -> None:
    """Collect the dead, answer for those who could not, and kill whoever is late."""
    now = time.monotonic()
    for pid, child in list(children.items()):
        if child.kill_at <= now:
            os.kill(pid, signal.SIGKILL)
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            del children[pid]
            if status:
                why = "killed at its deadline" if child.kill_at <= now else f"ended with status {status}"
                os.write(answers, line(Answer(child.number, ProbeResult(Outcome.FAILED, why=why))))
