"""Calls `gifts_send`, the function in the database that sends gifts (migration 0026)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from control_plane.base.ids import LARGEST_ID, Seq
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row
from control_plane.gifts import events
from control_plane.gifts.gift import PreparedGift, SentGift
from control_plane.ledger.wallets import Wallet

_SEND = "select * from gifts_send($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
_NO_STREAM = 0
Parts = tuple[str, str]


class Outcome(StrEnum):
    SENT = "sent"
    REPEATS = "repeats"
    """The sender has used the key before. The answer holds that gift and the fingerprint of its request."""
    PLAIN = "plain"
    """No stream of the receiver is open to the sender, and the gift may not be sent outside of streams. Nothing was
    written."""
    ALONE = "alone"
    """It could not be decided together with the others. Send it by itself."""
    HIDDEN = "hidden"
    """There is no such receiver for the sender: unknown, banned, deleted or blocked."""
    NO_VIDEO = "no_video"
    """It was deleted meanwhile."""
    NOT_LIVE = "not_live"
    OVER = "over"
    """The named stream is not the one that is running."""
    IN_DEBT = "in_debt"
    POOR = "poor"
    TOO_MANY = "too_many"


class Answer(msgspec.Struct, frozen=True):
    outcome: Outcome
    missing: int
    """Coins: of the debt, or that the sender lacks."""
    wallet: Wallet
    """The sender's after this gift. Coins that the sender gets from gifts of the same call are not in it."""
    sent: SentGift | None
    """With SENT and REPEATS."""
    frame: str | None
    """Of the event, if the gift went into a stream."""
    fingerprint: bytes | None
    """With REPEATS."""


async def send(
    source: Connection | Database,
    gifts: Sequence[PreparedGift],
    at: dt.datetime,
    *,
    commission_bps: int = 0,
    may_be_plain: bool = False,
) -> list[Answer]:
    """Send the gifts and answer each one: `call`, and `answers_of` its rows."""
    framed = [(gift, parts_of(gift)) for gift in gifts]
    rows = await call(source, framed, at, commission_bps=commission_bps, may_be_plain=may_be_plain)
    return answers_of(gifts, rows)


async def call(
    source: Connection | Database,
    framed: Sequence[tuple[PreparedGift, Parts]],
    at: dt.datetime,
    *,
    commission_bps: int = 0,
    may_be_plain: bool = False,
) -> Sequence[Row]:
    """One statement, which is a transaction of its own unless `source` is in one. No two gifts have the same sender and
    key. `framed`: each gift with `parts_of` it. `may_be_plain`: whether gifts may be sent outside of streams; the caller
    tells their receivers."""
    start = events.head_of(at)
    gifts = [gift for gift, _ in framed]
    return await source.fetch(
        _SEND,
        [gift.sender.user_id for gift in gifts],
        [gift.receiver_id for gift in gifts],
        [_possible(gift.stream_id) for gift in gifts],
        [gift.video_id for gift in gifts],
        [gift.gift.id for gift in gifts],
        [gift.count for gift in gifts],
        [gift.coins for gift in gifts],
        [gift.key for gift in gifts],
        [gift.fingerprint for gift in gifts],
        [start + head for _, (head, _) in framed],
        [tail for _, (_, tail) in framed],
        commission_bps,
        at,
        may_be_plain,
    )


def answers_of(gifts: Sequence[PreparedGift], rows: Sequence[Row]) -> list[Answer]:
    answers = {row["number"]: _answer(gifts[row["number"] - 1], row) for row in rows}
    return [answers[number] for number in range(1, len(gifts) + 1)]


def _possible(stream_id: int | None) -> int | None:
    """The id, or that of no stream instead of one that the database cannot store."""
    return stream_id if stream_id is None or 1 <= stream_id <= LARGEST_ID else _NO_STREAM


def parts_of(gift: PreparedGift) -> Parts:
    """The parts of the frame of the gift's event."""
    return events.parts(
        events.Gift(
            gift_id=gift.gift.id,
            title=gift.gift.title,
            icon=gift.icon,
            count=gift.count,
            coins=gift.coins,
            sender=gift.sender,
            receiver_id=gift.receiver_id,
            sender_total=0,
            combo=events.Combo(id=f"{gift.sender.user_id}-{gift.gift.id}", count=0),
        )
    )


def _answer(gift: PreparedGift, row: Row) -> Answer:
    wallet = Wallet(bought=row["bought"], earned=row["earned"], reward=row["reward"], debt=row["debt"])
    sent = None if row["id"] is None else _sent(gift, row)
    return Answer(Outcome(row["outcome"]), row["missing"] or 0, wallet, sent, row["frame"], row["fingerprint"])


def _sent(gift: PreparedGift, row: Row) -> SentGift:
    return SentGift(
        id=row["id"],
        stream_id=row["stream_id"],
        video_id=row["video_id"],
        seq=None if row["seq"] is None else Seq(row["seq"]),
        gift_id=row["gift_id"],
        title=row["title"] or gift.gift.title,
        picture=row["picture"] or gift.gift.picture,
        count=row["count"],
        coins=row["coins"],
        sender_id=gift.sender.user_id,
        receiver_id=row["receiver_id"],
        created_at=row["created_at"],
    )
