"""Top givers: of a stream, and to a receiver today, this week and ever. Days and weeks are those of UTC."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

from cachetools import LRUCache

from control_plane.base.clock import Clock, utc_now
from control_plane.base.ids import StreamId, UserId
from control_plane.db.pool import Database
from control_plane.db.remembered import Remembered
from control_plane.gifts import boards_store as store
from control_plane.gifts.boards_store import MOST, Board, Giver, Period
from control_plane.social.model import Viewer

LIFETIME_S = 2.0
"""How long a board is cached. Longer: gifts of others show later. Shorter: a board with many viewers is read more often."""
REMEMBERED = 500
"""Boards in the cache, about 10 KB each; the least recently used is evicted. Fewer: more reads. More: more memory."""


@dataclass(frozen=True, slots=True)
class Standings:
    """A board as one viewer sees it."""

    givers: Sequence[Giver]
    """Most coins first; the place of a giver is its position. At most `MOST`."""
    own_place: int
    """The viewer's place, from 1. 0: the viewer is not on the board."""
    own_coins: int


class Boards:
    def __init__(self, database: Database, lifetime_s: float = LIFETIME_S, clock: Clock = utc_now) -> None:
        self._database = database
        self._lifetime_s = lifetime_s
        self._clock = clock
        self._known: LRUCache[Board, Remembered[Sequence[Giver]]] = LRUCache(REMEMBERED)

    def of_stream(self, stream_id: StreamId) -> Board:
        return Board(Period.STREAM, stream_id)

    def of_receiver(self, receiver_id: UserId, period: Period) -> Board:
        today = self._clock().date()
        match period:
            case Period.DAY:
                return Board(period, receiver_id, today)
            case Period.WEEK:
                return Board(period, receiver_id, today - dt.timedelta(days=today.weekday()))
            case _:
                return Board(Period.ALL, receiver_id)

    async def show(self, board: Board, viewer_id: Viewer, hidden: Collection[UserId]) -> Standings:
        """The board without the `hidden` users, whose places are taken by the next ones. The viewer's coins are never
        outdated, those of others by `lifetime_s`. Raises DatabaseUnavailable."""
        known = self._known.get(board)
        if known is None:
            known = self._known[board] = Remembered(partial(store.top, self._database, board), self._lifetime_s)
        top = await known.get()
        givers = [giver for giver in top if giver.user_id not in hidden]
        if viewer_id is None:
            return Standings(givers, 0, 0)
        own = Giver(viewer_id, await store.given(self._database, board, viewer_id))
        if not own.coins or (len(top) == MOST and _order(own) > _order(top[-1])):
            return Standings(givers, 0, own.coins)
        givers = sorted([own, *(giver for giver in givers if giver.user_id != viewer_id)], key=_order)[:MOST]
        return Standings(givers, givers.index(own) + 1 if own in givers else 0, own.coins)


def _order(giver: Giver) -> tuple[int, UserId]:
    return -giver.coins, giver.user_id
