from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from control_plane.accounts.age import TooYoung
from control_plane.accounts.user import UserNotFound
from control_plane.base.errors import ControlPlaneError, InvariantBroken
from control_plane.base.ids import GiftId, StreamId, UserId
from control_plane.eventlog.retention import Retention, delete_old_events
from control_plane.gifts import store
from control_plane.gifts.combos import delete_old_combos
from control_plane.gifts.sending import (
    GiftOutcome,
    GiftToOneself,
    InvalidGiftCount,
    ReceiverNotLive,
    UnknownGift,
)
from control_plane.ledger.account import TransferId
from control_plane.ledger.adjustments import adjust
from control_plane.ledger.transfers import IdempotencyConflict, InvalidClientRef, NotEnoughCoins
from control_plane.ledger.wallets import Wallet, wallet
from control_plane.streams.model import StreamOver
from control_plane.videos.video import VideoId, VideoNotFound
from tests.control_plane.gifts.stage import HEART, ROSE, Stage, order
from tests.control_plane.ledger.books import audit
from tests.control_plane.social.relations import ban, block, delete
from tests.control_plane.videos.rows import ADD_VIDEO

BOOKS = (
    "gift_sent",
    "stream_gifter",
    "coins_received",
    "ledger_transfer",
    "ledger_entry",
    "ledger_account",
    "stream_log",
)


async def test_a_transfer_without_its_gift_is_an_error_in_optimised_python_too(stage: Stage) -> None:
    with pytest.raises(InvariantBroken, match="one transaction"):
        await store.sent_by(stage.database, TransferId(10**9))


async def test_a_gift_moves_coins_and_is_told_to_viewers(stage: Stage) -> None:
    ann = await stage.user(coins=20)
    star, stream_id = await stage.star()

    outcome = await stage.gifts.send(order(ann, star, HEART, 2))

    assert outcome.wallet == await wallet(stage.database, ann) == Wallet(bought=10)
    assert await wallet(stage.database, star) == Wallet(earned=10)
    assert await stage.received() == {star: 10}
    assert not outcome.replayed
    assert (outcome.sent.stream_id, outcome.sent.seq, outcome.sent.coins) == (stream_id, 1, 10)
    [event] = await stage.gift_events(stream_id)
    assert event == {
        "type": "gift",
        "seq": 1,
        "at": event["at"],
        "data": {
            "gift_id": HEART,
            "title": "Heart",
            "icon": "/static/gifts/heart.svg",
            "count": 2,
            "coins": 10,
            "sender": {"user_id": ann, "username": event["data"]["sender"]["username"], "profile_pic": ""},
            "receiver_id": star,
            "sender_total": 10,
            "combo": {"id": f"{ann}-{HEART}", "count": 1},
        },
    }
    assert [(stream, seq) for stream, seq, _ in stage.heard.frames] == [(stream_id, 1)]
    assert await stage.audit() == 20


async def test_a_gift_is_counted_once_by_whatever_way_and_however_often_it_is_sent(stage: Stage) -> None:
    ann = await stage.user(coins=20)
    star, stream_id = await stage.star()
    for _ in range(2):
        await stage.gifts.send(order(ann, star, HEART, 2), "a")
        await stage.gifts.send_to_stream(ann, stream_id, HEART, 1, "b")
    sample = stage.metrics.registry.get_sample_value
    assert (sample("stagedoor_gifts_total"), sample("stagedoor_gift_coins_total")) == (2, 15)


async def test_each_event_says_what_its_sender_has_given_to_the_stream(stage: Stage) -> None:
    ann, ben = await stage.user(coins=20), await stage.user(coins=20)
    star, stream_id = await stage.star()

    for sender, gift_id in ((ann, ROSE), (ben, HEART), (ann, HEART)):
        await stage.gifts.send(order(sender, star, gift_id))

    events = await stage.gift_events(stream_id)
    assert [(event["seq"], event["data"]["sender_total"]) for event in events] == [(1, 1), (2, 5), (3, 6)]
    await stage.audit()


async def test_bought_coins_go_before_earned_ones(stage: Stage) -> None:
    ann, ben = await stage.user(coins=10), await stage.user(coins=3)
    star, _ = await stage.star()
    await stage.go_live(ben)
    await stage.gifts.send(order(ann, ben, HEART))

    assert (await stage.gifts.send(order(ben, star, ROSE, 2))).wallet == Wallet(bought=1, earned=5)
    assert (await stage.gifts.send(order(ben, star, ROSE, 2))).wallet == Wallet(bought=0, earned=4)
    assert await stage.audit() == 13


@pytest.mark.parametrize("status", ["created", "live", "interrupted"])
async def test_a_running_stream_takes_gifts_in_every_state(stage: Stage, status: str) -> None:
    ann = await stage.user(coins=1)
    star, stream_id = await stage.star()
    await stage.database.execute(
        "update stream set status = $2, source_id = case $2 when 'live' then 'x' end where id = $1", stream_id, status
    )

    assert (await stage.gifts.send(order(ann, star))).sent.stream_id == stream_id


@pytest.mark.parametrize("count", [0, -1, 10_000, 2**31, 2**40, 2**63, -(2**70), 2**70])
async def test_a_count_outside_of_the_bounds_is_refused(stage: Stage, count: int) -> None:
    ann = await stage.user(coins=20)
    star, _ = await stage.star()

    with pytest.raises(InvalidGiftCount):
        await stage.gifts.send(order(ann, star, count=count), "ref")

    assert await wallet(stage.database, ann) == Wallet(bought=20)
    assert await stage.audit() == 20


async def test_the_largest_gift_is_paid_like_any_other(stage: Stage) -> None:
    dear = 2**31 - 1
    ann = await stage.user()
    star, _ = await stage.star()
    await stage.database.execute("update gift set coins = $1 where id = $2", dear, ROSE)
    for n in range(22):
        await adjust(stage.database, ann, 10**12, f"{n}")

    with pytest.raises(ControlPlaneError, match="more coins than an account can take"):
        await stage.gifts.send(order(ann, star, count=9999))
    await stage.gifts.send(order(ann, star, count=465))

    assert await wallet(stage.database, star) == Wallet(earned=dear * 465)
    assert await stage.audit() == 22 * 10**12


async def test_a_gift_to_oneself_is_refused(stage: Stage) -> None:
    ann = await stage.user(coins=20)
    await stage.go_live(ann)

    with pytest.raises(GiftToOneself):
        await stage.gifts.send(order(ann, ann))

    assert await wallet(stage.database, ann) == Wallet(bought=20)


async def test_too_few_coins_are_refused_with_the_number_that_is_missing(stage: Stage) -> None:
    ann, poor = await stage.user(coins=9), await stage.user()
    star, stream_id = await stage.star()

    for sender, missing in ((ann, 1), (poor, 10)):
        with pytest.raises(NotEnoughCoins) as refused:
            await stage.gifts.send(order(sender, star, HEART, 2), "ref")
        assert refused.value.missing == missing

    assert await stage.gift_events(stream_id) == []
    assert await stage.audit() == 9
    await adjust(stage.database, ann, 1, "more")
    assert (await stage.gifts.send(order(ann, star, HEART, 2), "ref")).wallet == Wallet()


@pytest.mark.parametrize("gift_id", [0, -1, 999, 2**40, 2**70])
async def test_a_gift_that_is_not_in_the_catalogue_is_refused(stage: Stage, gift_id: int) -> None:
    ann = await stage.user(coins=20)
    star, _ = await stage.star()

    with pytest.raises(UnknownGift):
        await stage.gifts.send(order(ann, star, gift_id), "ref")

    assert await stage.audit() == 20


async def test_a_gift_that_was_withdrawn_is_refused(stage: Stage) -> None:
    ann = await stage.user(coins=20)
    star, _ = await stage.star()
    await stage.database.execute("update gift set active = false where id = $1", ROSE)

    with pytest.raises(UnknownGift):
        await stage.gifts.send(order(ann, star, ROSE))


@pytest.mark.parametrize("receiver_id", [0, -1, 2**31 - 1, 2**31, 2**70])
async def test_a_receiver_who_does_not_exist_is_refused(stage: Stage, receiver_id: int) -> None:
    ann = await stage.user(coins=20)
    with pytest.raises(UserNotFound):
        await stage.gifts.send(order(ann, UserId(receiver_id)), "ref")
    assert await stage.audit() == 20


@pytest.mark.parametrize("hidden", [ban, delete, block])
async def test_a_receiver_whom_the_sender_cannot_see_is_refused(stage: Stage, hidden: Any) -> None:
    ann, ben = await stage.user(coins=20), await stage.user()
    star, stream_id = await stage.star()
    for receiver in (ben, star):
        await (block(stage.database, receiver, ann) if hidden is block else hidden(stage.database, receiver))
    for receiver in (ben, star):
        with pytest.raises(UserNotFound):
            await stage.gifts.send(order(ann, receiver), "ref")
    with pytest.raises(ReceiverNotLive):
        await stage.gifts.send_to_stream(ann, stream_id, GiftId(ROSE), 1, "ref")
    assert await stage.audit() == 20


async def test_a_gift_to_a_user_without_a_running_stream_is_told_in_the_inbox(stage: Stage) -> None:
    ann, offline = await stage.user(coins=20), await stage.user()
    ended, stream_id = await stage.star()
    await stage.end(stream_id)
    for receiver in (offline, ended):
        outcome = await stage.gifts.send(order(ann, receiver, HEART), f"to {receiver}")
        assert (outcome.sent.stream_id, outcome.sent.seq, outcome.sent.receiver_id) == (None, None, receiver)
        again = await stage.gifts.send(order(ann, receiver, HEART), f"to {receiver}")
        assert again == GiftOutcome(outcome.sent, Wallet(bought=20 - 5 * (1 + (receiver == ended))), replayed=True)
        assert await wallet(stage.database, receiver) == Wallet(earned=5)
        told = await stage.database.fetch("select kind, sender_id from inbox_entry where receiver_id = $1", receiver)
        assert [tuple(row) for row in told] == [("gift", ann)]
    assert await stage.gift_events(stream_id) == []
    assert await stage.audit() == 20


async def test_plain_gifts_at_once_never_overspend(stage: Stage) -> None:
    ann, ben = await stage.user(coins=3), await stage.user()
    outcomes = await asyncio.gather(
        *(stage.gifts.send(order(ann, ben), f"{n}") for n in range(16)), return_exceptions=True
    )
    assert sum(isinstance(outcome, GiftOutcome) for outcome in outcomes) == 3
    assert sum(isinstance(outcome, NotEnoughCoins) for outcome in outcomes) == 13
    assert await stage.audit() == 3


async def test_a_stream_that_is_not_the_receivers_running_one_is_refused(stage: Stage) -> None:
    ann = await stage.user(coins=20)
    _, foreign = await stage.star()
    star, ended = await stage.star()
    await stage.end(ended)
    running = await stage.go_live(star)

    for stream_id in (foreign, ended, 0, -1, 2**31, 2**70):
        with pytest.raises(StreamOver):
            await stage.gifts.send(order(ann, star, stream_id=StreamId(stream_id)), "ref")

    assert (await stage.gifts.send(order(ann, star, stream_id=running))).sent.stream_id == running


async def test_a_stream_that_ends_before_the_gift_gets_there_refuses_it(stage: Stage) -> None:
    ann = await stage.user(coins=20)
    star, stream_id = await stage.star()
    named = order(ann, star, stream_id=stream_id)

    outcomes = await asyncio.gather(
        stage.gifts.send(named),
        stage.end(stream_id),
        *(stage.gifts.send(named) for _ in range(8)),
        return_exceptions=True,
    )

    sent = [outcome for outcome in outcomes if isinstance(outcome, GiftOutcome)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, StreamOver | ReceiverNotLive)]
    assert len(sent) + len(refused) == 9
    assert len(refused) > 0
    assert await wallet(stage.database, ann) == Wallet(bought=20 - len(sent))
    await stage.audit()


async def test_a_gift_that_names_no_stream_arrives_when_the_stream_ends_meanwhile(stage: Stage) -> None:
    ann = await stage.user(coins=20)
    star, stream_id = await stage.star()

    outcomes = await asyncio.gather(
        stage.gifts.send(order(ann, star)),
        stage.end(stream_id),
        *(stage.gifts.send(order(ann, star)) for _ in range(8)),
    )

    sent = [outcome.sent for outcome in outcomes if isinstance(outcome, GiftOutcome)]
    assert len(sent) == 9
    assert len(await stage.gift_events(stream_id)) == sum(gift.stream_id is not None for gift in sent) < 9
    assert await wallet(stage.database, star) == Wallet(earned=9)
    await stage.audit()


async def test_a_repeat_answers_the_first_outcome_with_the_current_wallet(stage: Stage) -> None:
    ann = await stage.user(coins=20)
    star, stream_id = await stage.star()
    first = await stage.gifts.send(order(ann, star, HEART), "ref")
    await stage.gifts.send(order(ann, star, HEART), "other")

    repeat = await stage.gifts.send(order(ann, star, HEART), "ref")

    assert repeat == GiftOutcome(first.sent, Wallet(bought=10), replayed=True)
    assert len(await stage.gift_events(stream_id)) == 2
    assert await stage.audit() == 20


async def test_a_repeat_is_answered_when_nothing_of_it_could_be_sent_any_more(stage: Stage) -> None:
    ann = await stage.user(coins=5)
    star, stream_id = await stage.star()
    first = await stage.gifts.send(order(ann, star, HEART), "ref")
    repeat = GiftOutcome(first.sent, Wallet(), replayed=True)
    assert await stage.gifts.send(order(ann, star, HEART), "ref") == repeat

    await stage.end(stream_id)
    assert await stage.gifts.send(order(ann, star, HEART), "ref") == repeat
    again = await stage.go_live(star)
    assert await stage.gifts.send(order(ann, star, HEART), "ref") == repeat
    await stage.database.execute("update gift set active = false")
    assert await stage.gifts.send(order(ann, star, HEART), "ref") == repeat

    assert await stage.gift_events(again) == []
    assert await stage.audit() == 5


async def test_gifts_outlive_the_events_of_their_stream(stage: Stage) -> None:
    ann = await stage.user(coins=5)
    star, stream_id = await stage.star()
    first = await stage.gifts.send(order(ann, star, HEART), "ref")
    await stage.end(stream_id)
    await stage.database.execute("update stream set ended_at = now() - interval '40 days'")
    books = [await stage.database.fetch(f"select * from {table}") for table in BOOKS]

    await delete_old_events.bind(Retention(stage.database, 30)).run(None)

    assert await stage.gift_events(stream_id) == []
    assert [await stage.database.fetch(f"select * from {table}") for table in BOOKS] == books
    repeat = await stage.gifts.send(order(ann, star, HEART), "ref")
    assert repeat == GiftOutcome(first.sent, Wallet(), replayed=True)
    assert await audit(stage.database) == 5


async def test_a_repeat_with_another_body_is_refused(stage: Stage) -> None:
    ann = await stage.user(coins=20)
    star, _ = await stage.star()
    other, _ = await stage.star()
    await stage.gifts.send(order(ann, star, HEART), "ref")

    for changed in (
        order(ann, star, HEART, 2),
        order(ann, star, ROSE),
        order(ann, other, HEART),
        order(ann, UserId(2**31 - 1), HEART),
    ):
        with pytest.raises(IdempotencyConflict):
            await stage.gifts.send(changed, "ref")

    assert await wallet(stage.database, ann) == Wallet(bought=15)
    await stage.audit()


async def test_a_client_ref_belongs_to_its_sender(stage: Stage) -> None:
    ann, ben = await stage.user(coins=20), await stage.user(coins=20)
    star, stream_id = await stage.star()

    for sender in (ann, ben):
        assert not (await stage.gifts.send(order(sender, star), "ref")).replayed

    assert len(await stage.gift_events(stream_id)) == 2


Way = Callable[[Stage, UserId, UserId, StreamId, int, int], Awaitable[GiftOutcome]]


async def _by_receiver(stage: Stage, ann: UserId, star: UserId, stream_id: StreamId, gift: int, n: int) -> GiftOutcome:
    return await stage.gifts.send(order(ann, star, gift, n), "tap")


async def _by_both(stage: Stage, ann: UserId, star: UserId, stream_id: StreamId, gift: int, n: int) -> GiftOutcome:
    return await stage.gifts.send(order(ann, star, gift, n, stream_id), "tap")


async def _by_stream(stage: Stage, ann: UserId, star: UserId, stream_id: StreamId, gift: int, n: int) -> GiftOutcome:
    return await stage.gifts.send_to_stream(ann, stream_id, GiftId(gift), n, "tap")


WAYS = [_by_receiver, _by_both, _by_stream]
"""The operations behind calls with `receiver_id`, with `live_streaming_id` too, and frames of the live socket."""


@pytest.mark.parametrize("over", [False, True])
@pytest.mark.parametrize("second", WAYS)
@pytest.mark.parametrize("first", WAYS)
async def test_one_tap_is_paid_once_by_whichever_ways_it_comes(
    stage: Stage, first: Way, second: Way, over: bool
) -> None:
    ann = await stage.user(coins=20)
    star, stream_id = await stage.star()
    paid = await first(stage, ann, star, stream_id, HEART, 2)
    if over:
        await stage.end(stream_id)

    repeat = await second(stage, ann, star, stream_id, HEART, 2)

    assert repeat == GiftOutcome(paid.sent, Wallet(bought=10), replayed=True)
    for gift, count in ((HEART, 1), (ROSE, 2)):
        with pytest.raises(IdempotencyConflict):
            await second(stage, ann, star, stream_id, gift, count)
    assert len(await stage.gift_events(stream_id)) == 1
    assert await stage.audit() == 20


async def test_two_ways_at_once_are_paid_once(stage: Stage) -> None:
    ann = await stage.user(coins=10)
    star, stream_id = await stage.star()

    outcomes = await asyncio.gather(*(way(stage, ann, star, stream_id, HEART, 2) for way in WAYS * 3))

    assert len({outcome.sent.id for outcome in outcomes}) == 1
    assert [outcome.replayed for outcome in outcomes].count(False) == 1
    assert await stage.audit() == 10


async def test_a_key_that_named_another_stream_of_the_same_star_is_a_conflict(stage: Stage) -> None:
    ann = await stage.user(coins=20)
    star, stream_id = await stage.star()
    named = await stage.gifts.send(order(ann, star, stream_id=stream_id), "named")
    unnamed = await stage.gifts.send(order(ann, star), "unnamed")
    await stage.end(stream_id)
    later = await stage.go_live(star)

    with pytest.raises(IdempotencyConflict):
        await stage.gifts.send_to_stream(ann, later, ROSE, 1, "named")
    assert (await stage.gifts.send(order(ann, star), "named")).sent == named.sent
    assert (await stage.gifts.send_to_stream(ann, later, ROSE, 1, "unnamed")).sent == unnamed.sent
    assert await stage.gift_events(later) == []


async def test_a_poor_sender_does_not_hold_up_others(stage: Stage) -> None:
    ann = await stage.user(coins=5)
    star, stream_id = await stage.star()
    paid = await stage.gifts.send(order(ann, star, HEART), "paid")
    async with stage.database.transaction() as connection:
        await connection.execute("select from stream_log where stream_id = $1 for update", stream_id)
        for client_ref in (None, "ref"):
            with pytest.raises(NotEnoughCoins):
                await stage.gifts.send(order(ann, star), client_ref)
            with pytest.raises(NotEnoughCoins):
                await stage.gifts.send_to_stream(ann, stream_id, ROSE, 1, client_ref)
        assert (await stage.gifts.send(order(ann, star, HEART), "paid")).sent == paid.sent


async def test_the_same_gift_again_within_five_seconds_counts_in_the_combo(stage: Stage) -> None:
    ann, ben = await stage.user(coins=40), await stage.user(coins=20)
    star, stream_id = await stage.star()
    other, other_id = await stage.star()

    async def give(sender: UserId, gift_id: GiftId, receiver: UserId = star) -> None:
        await stage.gifts.send(order(sender, receiver, gift_id))

    async def combos(stream: StreamId = stream_id) -> list[tuple[str, int]]:
        events = await stage.gift_events(stream)
        return [(event["data"]["combo"]["id"], event["data"]["combo"]["count"]) for event in events]

    async def age(seconds: int) -> None:
        aged = "update gift_combo set last_at = now() - $2::integer * interval '1 second' where sender_id = $1"
        await stage.database.execute(aged, ann, seconds)

    for sender, gift_id in ((ann, ROSE), (ann, ROSE), (ben, ROSE), (ann, HEART), (ann, ROSE)):
        await give(sender, gift_id)
    await give(ann, ROSE, other)
    of_ann = f"{ann}-{ROSE}"
    assert await combos() == [(of_ann, 1), (of_ann, 2), (f"{ben}-{ROSE}", 1), (f"{ann}-{HEART}", 1), (of_ann, 3)]
    assert await combos(other_id) == [(of_ann, 1)]

    await age(6)
    await give(ann, ROSE)
    await age(61)
    await delete_old_combos.bind(stage.database).run(None)
    assert await stage.database.fetchval("select array_agg(sender_id) from gift_combo") == [ben]
    await asyncio.gather(*(give(ann, ROSE) for _ in range(4)))
    assert [count for _, count in (await combos())[5:]] == [1, 1, 2, 3, 4]


@pytest.mark.parametrize("named", [False, True])
async def test_a_gift_for_a_video_is_told_in_the_inbox_of_its_owner(stage: Stage, named: bool) -> None:
    ann = await stage.user(coins=20)
    star, stream_id = await stage.star()
    video_id = await video_of(stage, star)
    gift = replace(order(ann, star, HEART), receiver_id=star if named else None, video_id=video_id)

    outcome = await stage.gifts.send(gift, "ref")

    sent = outcome.sent
    assert (sent.video_id, sent.stream_id, sent.seq, sent.receiver_id) == (video_id, None, None, star)
    assert outcome.wallet == Wallet(bought=15)
    told = await stage.database.fetch("select kind, sender_id, video_id from inbox_entry where receiver_id = $1", star)
    assert [tuple(row) for row in told] == [("gift", ann, video_id)]
    assert await stage.gift_events(stream_id) == []
    assert await stage.gifts.send(gift, "ref") == replace(outcome, replayed=True)
    with pytest.raises(IdempotencyConflict):
        await stage.gifts.send(replace(gift, video_id=await video_of(stage, star)), "ref")
    await stage.database.execute("delete from video where id = $1", video_id)
    assert (await stage.gifts.send(gift, "ref")).replayed
    assert await stage.audit() == 20


async def test_a_gift_for_a_video_that_the_sender_does_not_see_is_refused(stage: Stage) -> None:
    ann, ben = await stage.user(coins=20), await stage.user()
    hidden, foreign, own = await video_of(stage, ben), await video_of(stage, ben), await video_of(stage, ann)
    await stage.database.execute("update video set privacy = 'private' where id = $1", hidden)

    other = UserId(ann + 100)
    for receiver_id, video_id in ((None, hidden), (other, foreign), (None, 2**31 - 1), (None, 2**40), (None, -1)):
        gift = replace(order(ann, ben), receiver_id=receiver_id, video_id=VideoId(video_id))
        with pytest.raises(VideoNotFound):
            await stage.gifts.send(gift, "ref")
    with pytest.raises(GiftToOneself):
        await stage.gifts.send(replace(order(ann, ben), receiver_id=None, video_id=own))
    await block(stage.database, ben, ann)
    with pytest.raises(VideoNotFound):
        await stage.gifts.send(replace(order(ann, ben), receiver_id=None, video_id=foreign), "ref")
    assert await stage.audit() == 20


async def video_of(stage: Stage, user_id: UserId) -> VideoId:
    added = ADD_VIDEO
    return VideoId(await stage.database.fetchval(added, user_id))


@pytest.mark.parametrize("visibility", ["private", "followers", "pin", "paid"])
@pytest.mark.parametrize("coins", [0, 20])
async def test_a_stream_that_one_may_not_watch_is_as_none(stage: Stage, visibility: str, coins: int) -> None:
    """The refusal must not reveal whether the host is live: same error and message, with and without enough coins."""
    ann = await stage.user(coins=coins)
    hidden, before = await stage.star()
    await stage.end(before)
    stream_id = await stage.go_live(hidden)
    await stage.database.execute("update stream set visibility = $2 where id = $1", stream_id, visibility)
    away, ended = await stage.star()
    await stage.end(ended)
    _, open_stream = await stage.star()

    async def answer(receiver_id: UserId, stream_id: StreamId | None, gift_id: int = HEART) -> tuple[type, str]:
        with pytest.raises(ControlPlaneError) as refused:
            await stage.gifts.send(order(ann, receiver_id, gift_id, 2, stream_id), "ref")
        return refused.type, str(refused.value)

    nothing = StreamId(2**31 - 1)
    for gift_id in (HEART, 999):
        expected = await answer(away, stream_id, gift_id)
        for named in (stream_id, before, ended, open_stream, nothing):
            assert await answer(hidden, named, gift_id) == expected
            assert await answer(away, named, gift_id) == expected
    for named in (stream_id, before, ended, nothing):
        with pytest.raises(ReceiverNotLive) as refused:
            await stage.gifts.send_to_stream(ann, named, HEART, 2, "ref")
        assert str(refused.value) == "This person is not live at the moment."
    if coins:  # without a stream it is a plain gift, whether the receiver is live or not
        for receiver in (hidden, away):
            assert (await stage.gifts.send(order(ann, receiver, HEART), f"to {receiver}")).sent.stream_id is None
    assert await stage.gift_events(stream_id) == []

    operator = await stage.user(coins=10)
    await stage.database.execute("update app_user set role = 'operator' where id = $1", operator)
    assert (await stage.gifts.send(order(operator, hidden, HEART))).sent.stream_id == stream_id


@pytest.mark.parametrize(
    "client_ref", ["", "x" * 65, "\0", " tap", "tap ", " ", "\u3000tap", "tap\xa0", "a\nb", "tap\n"]
)
async def test_a_client_ref_that_is_no_key_is_refused(stage: Stage, client_ref: str) -> None:
    ann = await stage.user(coins=20)
    star, _ = await stage.star()

    with pytest.raises(InvalidClientRef):
        await stage.gifts.send(order(ann, star), client_ref)


async def test_a_gift_to_a_stream_goes_to_its_owner(stage: Stage) -> None:
    ann = await stage.user(coins=20)
    star, stream_id = await stage.star()
    await stage.gifts.send(order(ann, star))

    outcome = await stage.gifts.send_to_stream(ann, stream_id, HEART, 2, "ref")

    assert (outcome.sent.receiver_id, outcome.sent.stream_id, outcome.sent.seq) == (star, stream_id, 2)
    await stage.end(stream_id)
    repeat = await stage.gifts.send_to_stream(ann, stream_id, HEART, 2, "ref")
    assert repeat == GiftOutcome(outcome.sent, Wallet(bought=9), replayed=True)
    assert await stage.gifts.send(order(ann, star, HEART, 2, stream_id), "ref") == repeat


async def test_a_gift_to_a_stream_that_does_not_exist_or_is_over_is_refused(stage: Stage) -> None:
    ann = await stage.user(coins=20)
    star, stream_id = await stage.star()
    await stage.end(stream_id)
    await stage.go_live(star)

    with pytest.raises(ReceiverNotLive):
        await stage.gifts.send_to_stream(ann, StreamId(2**31 - 1), HEART, 1, "ref")
    with pytest.raises(StreamOver):
        await stage.gifts.send_to_stream(ann, stream_id, HEART, 1, "ref")

    assert await stage.audit() == 20


async def test_a_minor_sends_no_gifts_over_rest_and_socket(stage: Stage) -> None:
    ann = await stage.user(coins=20)
    star, stream_id = await stage.star()
    await stage.gifts.send(order(ann, star), "before")
    await stage.database.execute("update app_user set dob = current_date - interval '17 years' where id = $1", ann)
    refused = pytest.raises(TooYoung, match="at least 18 years old to send gifts")
    with refused:
        await stage.gifts.send(order(ann, star))
    with refused:
        await stage.gifts.send_to_stream(ann, stream_id, GiftId(ROSE), 1, None)
    assert (await stage.gifts.send(order(ann, star), "before")).replayed
    assert await wallet(stage.database, ann) == Wallet(bought=19)
