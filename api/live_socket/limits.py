"""How much one client may ask of the live socket."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

FRAMES_PER_S = 20.0
BURST = 40.0
FAULTS_PER_WINDOW = 10
FAULT_WINDOW_S = 60.0


class FrameLimit:
    """Of one socket: frames of any kind, pings too, and faults among them."""

    __slots__ = ("_allowed", "_at", "_clock", "_faults")

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._allowed = BURST
        self._at = clock()
        self._faults: deque[float] | None = None

    def take(self) -> float:
        """0: this frame is within the rate. Otherwise the seconds until the next one would be."""
        now = self._clock()
        self._allowed = min(BURST, self._allowed + (now - self._at) * FRAMES_PER_S)
        self._at = now
        if self._allowed < 1:
            return (1 - self._allowed) / FRAMES_PER_S
        self._allowed -= 1
        return 0

    def fault(self) -> bool:
        """Note a fault; True when it is one too many."""
        now = self._clock()
        if self._faults is None:
            self._faults = deque(maxlen=FAULTS_PER_WINDOW)
        self._faults.append(now)
        return len(self._faults) == FAULTS_PER_WINDOW and now - self._faults[0] < FAULT_WINDOW_S


class AddressLimit:
    """Sockets from one address, where it is limited at all."""

    def __init__(self, most: int, is_limited: Callable[[str], bool]) -> None:
        self._most = most
        self._is_limited = is_limited
        self._sockets: Counter[str] = Counter()

    @contextmanager
    def socket(self, address: str) -> Iterator[bool]:
        """Counts one while it lasts; says whether it is within the limit."""
        self._sockets[address] += 1
        try:
            yield self._sockets[address] <= self._most or not self._is_limited(address)
        finally:
            self._sockets[address] -= 1
            if not self._sockets[address]:
                del self._sockets[address]
