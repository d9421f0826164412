"""Pages of lists behind page numbers: the key at which a page ended is where the next one begins, so that a list stays
the same for a reader while videos are added and deleted."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from typing import NamedTuple, TypeAlias

from cachetools import LRUCache

KEPT_S = 1_800
"""Smaller: a reader who comes back to the app continues by offset, and sees some videos twice. Larger: the table is full of
lists that are no longer read."""
MOST = 50_000
"""Keys of signed-in readers, and as many of guests; the least recently used is dropped, and its list continues by offset.
More need more memory: about 500 bytes each."""
DEEPEST = 500
"""Rows that can be reached without a key. Every skipped row costs time; twice as many would take the last page of what a
user liked over 5 ms (`bench/feed.py`)."""
NEWEST = 2**62
"""Above all keys."""


class Reader(NamedTuple):
    """Who goes through a list: a session, or a guest by phone or address."""

    guest: bool
    id: Hashable


class Asked(NamedTuple):
    """A page as a reader asks for it. `number`: 0, 1, 2 …"""

    reader: Reader
    number: int
    size: int


class Start(NamedTuple):
    before: int
    """The page has rows with keys below this one."""
    offset: int
    """Rows of those to skip."""
    known: bool
    """Whether `before` is the end of the page before."""


class _Kept(NamedTuple):
    key: int
    until: float


_Table: TypeAlias = LRUCache[Hashable, _Kept]


class PageKeys:
    """The keys at the ends of pages, in the memory of this process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._of_users: _Table = LRUCache(MOST)
        self._of_guests: _Table = LRUCache(MOST)

    def start(self, list_: Hashable, asked: Asked) -> Start | None:
        """Where the page begins. None: too deep for a page whose key is not known."""
        if not asked.number:
            return Start(NEWEST, 0, known=True)
        kept = self._table(asked).get((asked.reader.id, list_, asked.number))
        if kept is not None and kept.until > self._now():
            return Start(kept.key, 0, known=True)
        offset = asked.number * asked.size
        return Start(NEWEST, offset, known=False) if offset < DEEPEST else None

    def ended(self, list_: Hashable, asked: Asked, start: Start, last: int | None) -> None:
        """Keep the end of a page. `last`: the key of its last row; None: it has no rows."""
        if last is None and start.known:
            last = start.before
        if last is not None:
            self._table(asked)[asked.reader.id, list_, asked.number + 1] = _Kept(last, self._now() + KEPT_S)

    def _table(self, asked: Asked) -> _Table:
        """Guests have a table of their own, because there may be any number of them."""
        return self._of_guests if asked.reader.guest else self._of_users
