"""Gifts sent at the same time over several connections."""

from __future__ import annotations

import asyncio
import math
import random

import pytest

from control_plane.gifts import writer
from control_plane.gifts.sending import GiftOutcome
from control_plane.ledger.transfers import IdempotencyConflict, NotEnoughCoins
from control_plane.ledger.wallets import Wallet, wallet, wallets
from tests.control_plane.gifts.stage import HEART, Stage, order


async def test_of_64_gifts_from_a_purse_for_3_exactly_3_are_sent(stage: Stage) -> None:
    ann = await stage.user(coins=3)
    star, stream_id = await stage.star()

    outcomes = await asyncio.gather(*(stage.gifts.send(order(ann, star)) for _ in range(64)), return_exceptions=True)

    assert sum(isinstance(outcome, GiftOutcome) for outcome in outcomes) == 3
    assert sum(isinstance(outcome, NotEnoughCoins) for outcome in outcomes) == 61
    assert await wallets(stage.database, [ann, star]) == {ann: Wallet(), star: Wallet(earned=3)}
    assert len(await stage.gift_events(stream_id)) == 3
    assert await stage.audit() == 3


async def test_a_purse_for_3_pays_3_gifts_wherever_they_go(stage: Stage) -> None:
    ann = await stage.user(coins=3)
    stars = [(await stage.star())[0] for _ in range(8)]

    outcomes = await asyncio.gather(
        *(stage.gifts.send(order(ann, star)) for _ in range(8) for star in stars), return_exceptions=True
    )

    assert sum(isinstance(outcome, GiftOutcome) for outcome in outcomes) == 3
    assert sum(isinstance(outcome, NotEnoughCoins) for outcome in outcomes) == 61
    assert sum(their.earned for their in (await wallets(stage.database, stars)).values()) == 3
    assert await stage.audit() == 3


async def test_a_star_receives_every_one_of_64_senders_gifts(stage: Stage) -> None:
    senders = [await stage.user(coins=5) for _ in range(64)]
    star, stream_id = await stage.star()

    outcomes = await asyncio.gather(*(stage.gifts.send(order(sender, star, HEART)) for sender in senders))

    assert {outcome.wallet for outcome in outcomes} == {Wallet()}
    assert await wallet(stage.database, star) == Wallet(earned=320)
    events = await stage.gift_events(stream_id)
    assert [event["seq"] for event in events] == list(range(1, 65))
    assert [event["data"]["sender_total"] for event in events] == [5] * 64
    assert await stage.audit() == 320


async def test_the_same_gift_sent_many_times_at_once_is_sent_once(stage: Stage) -> None:
    ann = await stage.user(coins=5)
    star, stream_id = await stage.star()

    outcomes = await asyncio.gather(*(stage.gifts.send(order(ann, star, HEART), "ref") for _ in range(32)))

    assert {outcome.wallet for outcome in outcomes} == {Wallet()}
    assert len({outcome.sent for outcome in outcomes}) == 1
    assert sum(not outcome.replayed for outcome in outcomes) == 1
    assert len(await stage.gift_events(stream_id)) == 1
    assert await stage.audit() == 5


async def test_one_key_used_for_two_gifts_at_once_sends_one_of_them(stage: Stage) -> None:
    ann = await stage.user(coins=20)
    star, _ = await stage.star()
    other, _ = await stage.star()
    gifts = [order(ann, star), order(ann, star, count=2), order(ann, other)] * 4

    outcomes = await asyncio.gather(*(stage.gifts.send(gift, "ref") for gift in gifts), return_exceptions=True)

    sent = [outcome.sent for outcome in outcomes if isinstance(outcome, GiftOutcome)]
    assert len(sent) == 4
    assert len(set(sent)) == 1
    assert sum(isinstance(outcome, IdempotencyConflict) for outcome in outcomes) == 8
    assert await wallet(stage.database, ann) == Wallet(bought=20 - sent[0].coins)
    await stage.audit()


async def test_a_first_gift_that_many_send_at_once_opens_one_account(stage: Stage) -> None:
    star, _ = await stage.star()
    senders = [await stage.user(coins=1) for _ in range(8)]

    await asyncio.gather(*(stage.gifts.send(order(sender, star)) for sender in senders))

    accounts = "select kind, balance from ledger_account where owner_id = $1"
    assert [tuple(row) for row in await stage.database.fetch(accounts, star)] == [("earned", 8)]


async def test_the_same_people_giving_to_several_streams_at_once_never_fail(stage: Stage) -> None:
    """Gifts that wait together share a transaction, and so the transactions of two streams meet in many accounts."""
    people = [await stage.user(coins=100) for _ in range(8)]
    stars = people[:4]
    for star in stars:
        await stage.go_live(star)
    forwards = [order(sender, star) for star in stars[:2] for sender in people if sender != star]
    backwards = [order(sender, star) for star in stars[2:] for sender in reversed(people) if sender != star]

    await asyncio.gather(*(stage.gifts.send(gift) for gift in forwards + backwards))

    assert await stage.database.fetchval("select count(*) from gift_sent") == 28
    assert await stage.audit() == 800


async def test_two_statements_at_once_lose_and_invent_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody is live and gives to everybody, in an order that is another one each time."""
    monkeypatch.setattr(writer, "BUSY", math.inf)
    people = [await stage.user(coins=200) for _ in range(60)]
    streams = {star: await stage.go_live(star) for star in people}
    gifts = [order(sender, star) for sender in people for star in people[::3] if sender != star]
    random.shuffle(gifts)

    await asyncio.gather(*(stage.gifts.send(gift) for gift in gifts))

    assert await stage.database.fetchval("select count(*) from gift_sent") == len(gifts)
    assert await stage.audit() == 200 * len(people)
    for star in people[::3]:
        heard = [seq for stream_id, seq, _ in stage.heard.frames if stream_id == streams[star]]
        assert heard == list(range(1, len(people))), "each stream's events in their order"
