"""Limits of sockets: a token bucket for the frames of each socket, faulty frames, and sockets per address."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FRAMES_PER_S = 20.0
BURST = 40.0
"""Rate and size of the token bucket. Smaller refuses users who tap gifts fast; larger gives one socket more CPU
time."""
FAULTS_PER_WINDOW = 10
FAULT_WINDOW_S = 60.0
"""So many faulty frames within so many seconds close the socket. Fewer disconnects apps for an occasional bug; more
lets a client that is broken or hostile cost an answer for each frame."""


class FrameLimit:
    """Limits the frames of one socket, pings included, and its faulty frames."""

    __slots__ = ("_allowed", "_at", "_clock", "_faults")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._allowed = BURST
        self._at = clock()
        self._faults: deque[float] | None = None

    def take(self) -> float:
        """Count a frame. Returns 0 if it is within the rate, else the seconds until the next one is."""
        now = self._clock()
        self._allowed = min(BURST, self._allowed + (now - self._at) * FRAMES_PER_S)
        self._at = now
        if self._allowed < 1:
            return (1 - self._allowed) / FRAMES_PER_S
        self._allowed -= 1
        return 0

    def fault(self) -> bool:
        """Count a faulty frame. Returns True when the socket must be closed."""
        now = self._clock()
        if self._faults is None:
            self._faults = deque(maxlen=FAULTS_PER_WINDOW)
        self._faults.append(now)
        return len(self._faults) == FAULTS_PER_WINDOW and now - self._faults[0] < FAULT_WINDOW_S


class AddressLimit:
    """Limits the open sockets of each address."""

    def __init__(self, most: int, is_limited: Callable[[str], bool]) -> None:
        self._most = most
        self._is_limited = is_limited
        self._sockets: Counter[str] = Counter()

    @contextmanager
    def socket(self, address: str) -> Iterator[bool]:
        """Count a socket for the duration of the `with` block; yields whether it is within the limit."""
        self._sockets[address] += 1
        try:
            yield self._sockets[address] <= self._most or not self._is_limited(address)
        finally:
            self._sockets[address] -= 1
            if not self._sockets[address]:
                del self._sockets[address]
