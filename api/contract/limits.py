"""Limits of concurrent calls, kept in the memory of this process. Rate limits: `control_plane/base/rate_limit.py`."""

from __future__ import annotations

from collections.abc import Hashable


class UnderWay:
    """A limit of concurrent calls: `per_one` for one client, `in_all` for all clients together."""

    def __init__(self, per_one: int, in_all: int) -> None:
        self._per_one = per_one
        self._in_all = in_all
        self._total = 0
        self._of: dict[Hashable, int] = {}

    def one(self, who: Hashable | None) -> Slot:
        """`with limit.one(who) as room`: acquires a slot for the duration of the block; `room` is False if none is
        free. `who` None has no limit of its own and counts only in the total."""
        return Slot(self, who)

    def acquire(self, who: Hashable | None) -> bool:
        if self._total >= self._in_all:
            return False
        if who is not None:
            of_one = self._of.get(who, 0)
            if of_one >= self._per_one:
                return False
            self._of[who] = of_one + 1
        self._total += 1
        return True

    def release(self, who: Hashable | None) -> None:
        self._total -= 1
        if who is not None:
            self._of[who] -= 1
            if not self._of[who]:
                del self._of[who]


class Slot:
    """A class, because a generator with `contextmanager` takes three times as long, and every call needs one."""

    __slots__ = ("_acquired", "_limit", "_who")

    def __init__(self, limit: UnderWay, who: Hashable | None) -> None:
        self._limit, self._who = limit, who

    def __enter__(self) -> bool:
        self._acquired = self._limit.acquire(self._who)
        return self._acquired

    def __exit__(self, *_: object) -> None:
        if self._acquired:
            self._limit.release(self._who)
