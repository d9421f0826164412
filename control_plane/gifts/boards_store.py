"""SQL of the users who have given the most: to a stream; to a receiver today, this week and ever."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from control_plane.base.ids import StreamId, UserId
from control_plane.db.pool import Database
from control_plane.social.blocks_store import blocked_with

MOST = 100
"""Places of a board. More: boards are larger and slower to read. Fewer: fewer givers learn their place."""
_CANDIDATES = 2 * MOST
"""Givers who are looked up to find `MOST` who are not banned. Fewer: the board of a receiver with many of these is
shorter. Without a limit all who gave equally much would be looked up."""


def _visible(giver: str) -> str:
    return f"(select true from visible_user where id = {giver})"


def _to_receiver(coins: str, rank: str, period: str) -> str:
    """The indexes are in the order of the ranks: the rows of the highest ranks are read and sorted, and no others."""
    return f"""
        select giver_id as user_id, coins from (
            select giver_id, {coins} as coins from gift_total
            where receiver_id = $1 and {period} and giver_id not in {blocked_with("$1::integer")}
            order by {rank} desc, {coins} desc, giver_id limit {_CANDIDATES}
        ) as top
        where {_visible("giver_id")} order by coins desc, giver_id limit {MOST}
    """


class Period(StrEnum):
    STREAM = "stream"
    DAY = "day"
    WEEK = "week"
    ALL = "all"


class Board(NamedTuple):
    """Which top list."""

    period: Period
    of: StreamId | UserId
    """The stream, or the receiver."""
    since: dt.date | None = None
    """The day, or the Monday of the week."""


class Giver(NamedTuple):
    user_id: UserId
    coins: int


_TOP = {
    Period.STREAM: f"""
        select user_id, coins from stream_gifter
        where stream_id = $1 and {_visible("user_id")}
            and user_id not in {blocked_with("(select user_id from stream where id = $1)")}
        order by coins desc, user_id limit {MOST}
    """,
    Period.DAY: _to_receiver("day_coins", "day_rank", "day = $2"),
    Period.WEEK: _to_receiver("week_coins", "week_rank", "week = $2"),
    Period.ALL: _to_receiver("coins", "rank", "true"),
}
_GIVEN = {
    Period.STREAM: "select coins from stream_gifter where user_id = $1 and stream_id = $2",
    Period.DAY: "select day_coins from gift_total where giver_id = $1 and receiver_id = $2 and day = $3",
    Period.WEEK: "select week_coins from gift_total where giver_id = $1 and receiver_id = $2 and week = $3",
    Period.ALL: "select coins from gift_total where giver_id = $1 and receiver_id = $2",
}


async def top(database: Database, board: Board) -> Sequence[Giver]:
    """At most `MOST`, without users who are banned or deleted, or who have a block with the receiver."""
    return [Giver(**row) for row in await database.fetch(_TOP[board.period], *_of(board))]


async def given(database: Database, board: Board, user_id: UserId) -> int:
    """The user's coins."""
    return await database.fetchval(_GIVEN[board.period], user_id, *_of(board)) or 0


def _of(board: Board) -> tuple[object, ...]:
    return (board.of,) if board.since is None else (board.of, board.since)
