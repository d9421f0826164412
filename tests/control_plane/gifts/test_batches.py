"""Many gifts in one call of `gifts_send`: what it decides is what the rules in Python say, gift by gift."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from control_plane.base.errors import present
from control_plane.base.ids import Seq, StreamId, UserId
from control_plane.eventlog.encoding import encode_event
from control_plane.eventlog.types import EventType
from control_plane.gifts import events
from control_plane.gifts.catalogue import GiftCategory
from control_plane.gifts.events import Combo, Person
from control_plane.gifts.gift import Gift, PreparedGift
from control_plane.gifts.sending_store import Answer, Outcome, send
from control_plane.ledger import amounts
from control_plane.ledger.account import (
    ADJUSTMENT,
    LARGEST_BALANCE,
    REWARDS,
    Account,
    Kind,
    accounts_of,
    bought,
    debt,
    earned,
    reward,
)
from control_plane.ledger.store import open_accounts
from control_plane.ledger.transfers import InDebt, NotEnoughCoins, Operation, Request, hold, post
from control_plane.ledger.wallets import Wallet, wallets
from tests.control_plane.gifts.stage import HEART, ROSE, Stage
from tests.control_plane.social.relations import block
from tests.postgres import by_superuser

PEOPLE = 4
AT = dt.datetime(2026, 1, 31, 12, 5, 9, 120000, dt.UTC)
_numbers = itertools.count()

_ENTRIES = """
    select owner_id, kind, amount from ledger_entry entry join ledger_account account on account.id = entry.account_id
    where transfer_id = (select transfer_id from gift_sent where id = $1)
"""


@dataclass(frozen=True)
class Give:
    sender: int
    receiver: int
    price: int


def prepared(sender_id: UserId, receiver_id: UserId, price: int = 1, **other: object) -> PreparedGift:
    gift = Gift(ROSE, "Rose", price, "rose.svg", GiftCategory.NORMAL, True, 2, 0, AT)
    made = PreparedGift(
        sender=Person(sender_id, f"user{sender_id}", ""),
        receiver_id=receiver_id,
        stream_id=None,
        video_id=None,
        gift=gift,
        icon="/rose.svg",
        count=1,
        key=f"key-{next(_numbers)}",
        fingerprint=b"f",
    )
    return replace(made, **other)


async def fill(stage: Stage, user_id: UserId, purse: Wallet) -> None:
    """Give the user these coins, and debt."""
    legs = {bought(user_id): purse.bought, earned(user_id): purse.earned, debt(user_id): -purse.debt}
    request = Request(user_id, Operation.ADJUSTMENT, f"fill-{next(_numbers)}", b"")
    rewarded = Request(user_id, Operation.ADJUSTMENT, f"fill-{next(_numbers)}", b"")
    async with stage.database.transaction() as connection:
        await open_accounts(connection, [*legs, *([reward(user_id)] if purse.reward else [])])
        if sum(legs.values()) or any(legs.values()):
            held = await hold(connection, request, accounts_of(user_id))
            await post(connection, held, {ADJUSTMENT: -sum(legs.values()), **legs})
        if purse.reward:
            held = await hold(connection, rewarded, accounts_of(user_id))
            await post(connection, held, {REWARDS: -purse.reward, reward(user_id): purse.reward})


def expected(
    purses: Mapping[UserId, Wallet], gifts: Sequence[PreparedGift], commission_bps: int
) -> list[Counter[Account] | Exception]:
    """What each gift moves or why it is refused. A sender's gifts are paid in their order, from what the sender had before."""
    left = dict(purses)
    moved: dict[int, Counter[Account] | Exception] = {}
    for number, gift in sorted(enumerate(gifts), key=lambda one: (one[1].sender.user_id, one[0])):
        sender_id = gift.sender.user_id
        try:
            legs = amounts.gift(left[sender_id], sender_id, gift.receiver_id, gift.coins, commission_bps)
        except (InDebt, NotEnoughCoins) as refusal:
            moved[number] = refusal
            continue
        moved[number] = Counter(legs)
        own = left[sender_id]
        left[sender_id] = replace(
            own,
            bought=own.bought + legs.get(bought(sender_id), 0),
            earned=own.earned + legs.get(earned(sender_id), 0),
            reward=own.reward + legs.get(reward(sender_id), 0),
        )
    return [moved[number] for number in range(len(gifts))]


async def entries_of(stage: Stage, answer: Answer) -> Counter[Account]:
    rows = await stage.database.fetch(_ENTRIES, present(answer.sent, "it was sent").id)
    return Counter({Account(row["owner_id"], Kind(row["kind"])): row["amount"] for row in rows})


purses = st.builds(
    Wallet,
    bought=st.integers(0, 30),
    earned=st.integers(0, 30),
    reward=st.integers(0, 30),
    debt=st.just(0) | st.just(0) | st.integers(0, 5),
)
gives = st.builds(Give, st.integers(0, PEOPLE - 1), st.integers(0, PEOPLE - 1), st.integers(1, 25)).filter(
    lambda give: give.sender != give.receiver
)


@settings(max_examples=25, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    coins=st.lists(purses, min_size=PEOPLE, max_size=PEOPLE),
    orders=st.lists(gives, min_size=1, max_size=20),
    commission_bps=st.sampled_from([0, 1, 333, 5_000, 9_999, 10_000]),
)
async def test_the_database_spends_as_the_rules_say(
    stage: Stage, coins: list[Wallet], orders: list[Give], commission_bps: int
) -> None:
    people = [await stage.user() for _ in range(PEOPLE)]
    for user_id, purse in zip(people, coins, strict=True):
        await fill(stage, user_id, purse)
        await stage.go_live(user_id)
    before = dict(zip(people, coins, strict=True))
    gifts = [prepared(people[give.sender], people[give.receiver], give.price) for give in orders]
    moves = expected(before, gifts, commission_bps)

    answers = await send(stage.database, gifts, AT, commission_bps=commission_bps)

    after: dict[UserId, Counter[Account]] = defaultdict(Counter)
    for gift, answer, move in zip(gifts, answers, moves, strict=True):
        match move:
            case InDebt():
                assert (answer.outcome, answer.missing) == (Outcome.IN_DEBT, before[gift.sender.user_id].debt)
            case NotEnoughCoins(missing=missing):
                assert (answer.outcome, answer.missing) == (Outcome.POOR, missing)
            case Counter():
                assert answer.outcome is Outcome.SENT
                assert await entries_of(stage, answer) == move
                for account, amount in move.items():
                    if account.owner_id is not None:
                        after[account.owner_id][account] += amount
    have = await wallets(stage.database, people)
    for user_id, purse in before.items():
        assert have[user_id] == Wallet(
            bought=purse.bought + after[user_id][bought(user_id)],
            earned=purse.earned + after[user_id][earned(user_id)],
            reward=purse.reward + after[user_id][reward(user_id)],
            debt=purse.debt,
        )
    await stage.audit()


async def test_a_refusal_touches_no_other_gift_of_the_batch(stage: Stage) -> None:
    star, stream_id = await stage.star()
    over, ended = await stage.star()
    await stage.end(ended)
    blocking, _ = await stage.star()
    rich, poor, indebted, blocked = [await stage.user(coins=10) for _ in range(4)]
    await fill(stage, indebted, Wallet(debt=3))
    await block(stage.database, blocking, blocked)
    first = prepared(rich, star)
    [sent] = await send(stage.database, [first], AT)

    answers = await send(
        stage.database,
        [
            prepared(rich, star, 4),
            prepared(poor, star, 11),
            first,
            prepared(blocked, blocking),
            prepared(poor, star, 10),
            prepared(rich, over, stream_id=StreamId(ended)),
            prepared(rich, over),
            prepared(indebted, star),
            prepared(rich, UserId(2**31 - 1)),
            prepared(rich, star, stream_id=StreamId(2**40)),
            prepared(rich, star, 5, stream_id=stream_id),
            prepared(rich, star, 1),
        ],
        AT,
    )

    assert [answer.outcome for answer in answers] == [
        *(Outcome.SENT, Outcome.POOR, Outcome.REPEATS, Outcome.HIDDEN, Outcome.SENT, Outcome.NOT_LIVE),
        *(Outcome.PLAIN, Outcome.IN_DEBT, Outcome.HIDDEN, Outcome.OVER, Outcome.SENT, Outcome.POOR),
    ]
    assert (answers[1].missing, answers[7].missing, answers[11].missing) == (1, 3, 1)
    assert answers[2].sent == sent.sent
    assert answers[2].wallet == Wallet(bought=5)
    assert [answer.sent.seq for answer in answers if answer.outcome is Outcome.SENT and answer.sent] == [2, 3, 4]
    assert await stage.audit() == 37


async def test_what_a_sender_receives_in_the_batch_pays_nothing_in_it(stage: Stage) -> None:
    ann, ben = await stage.user(coins=5), await stage.user()
    for user_id in (ann, ben):
        await stage.go_live(user_id)

    answers = await send(stage.database, [prepared(ann, ben, 5), prepared(ben, ann, 1)], AT)

    assert [answer.outcome for answer in answers] == [Outcome.SENT, Outcome.POOR]
    [again] = await send(stage.database, [prepared(ben, ann, 1)], AT)
    assert (again.outcome, again.wallet) == (Outcome.SENT, Wallet(earned=4))
    assert await stage.audit() == 5


async def test_a_balance_that_several_gifts_would_take_over_its_limit_is_decided_gift_by_gift(stage: Stage) -> None:
    ann = await stage.user(coins=20)
    star, _ = await stage.star()
    await by_superuser(
        stage.database,
        "set session_replication_role = replica; insert into ledger_account (owner_id, kind, balance) "
        f"values ({star}, 'earned', {LARGEST_BALANCE - 8})",
    )

    answers = await send(stage.database, [prepared(ann, star, 5), prepared(ann, star, 5)], AT)
    assert [answer.outcome for answer in answers] == [Outcome.ALONE, Outcome.ALONE]
    for outcome in (Outcome.SENT, Outcome.TOO_MANY):
        [answer] = await send(stage.database, [prepared(ann, star, 5)], AT)
        assert answer.outcome is outcome


async def test_a_gift_paid_with_rewards_opens_the_receivers_account(stage: Stage) -> None:
    ann, ben = await stage.user(), await stage.user(coins=2)
    star, _ = await stage.star()
    await fill(stage, ann, Wallet(reward=3))

    answers = await send(stage.database, [prepared(ann, star, 2), prepared(ben, star, 2)], AT)

    assert [answer.wallet for answer in answers] == [Wallet(reward=1), Wallet()]
    assert (await wallets(stage.database, [star]))[star] == Wallet(earned=2, reward=2)
    assert await stage.audit() == 5


async def test_a_batch_whose_senders_are_all_poor_waits_for_nothing(stage: Stage) -> None:
    ann = await stage.user(coins=1)
    star, stream_id = await stage.star()
    async with stage.database.transaction() as connection:
        await connection.execute("select from stream_log where stream_id = $1 for update", stream_id)
        await connection.execute("select from ledger_account where owner_id = $1 for update", ann)
        [answer] = await send(stage.database, [prepared(ann, star, 2)], AT)
    assert (answer.outcome, answer.missing) == (Outcome.POOR, 1)


names = st.text(st.characters(codec="utf-8"), max_size=20) | st.sampled_from(
    ['","sender_total":0,"x":"', '{"type":"gift","seq":0', "0}}}", "ann\x01", '\\"sender_total":0']
)


@given(names, names, names, st.integers(1, 2**40), st.integers(1, 2**60), st.integers(1, 99))
def test_the_frame_that_the_database_completes_is_the_encoded_event(
    title: str, username: str, icon: str, seq: int, total: int, combo: int
) -> None:
    def event(sender_total: int, count: int) -> events.Gift:
        sender = Person(UserId(1), username, icon)
        return events.Gift(HEART, title, icon, 1, 5, sender, UserId(2), sender_total, Combo("1-2", count))

    head, tail = events.parts(event(0, 0))
    head = events.head_of(AT) + head
    assert f'{{"type":"gift","seq":{seq}{head}{total}{tail}{combo}}}}}}}' == encode_event(
        EventType.GIFT, Seq(seq), AT, event(total, combo)
    )


async def test_the_stored_frame_is_the_encoded_event(stage: Stage) -> None:
    ann = await stage.user(coins=9)
    star, _ = await stage.star()
    gift = prepared(ann, star, 3, sender=Person(ann, 'an "n" ☃', "a.png"))

    answers = await send(stage.database, [gift, replace(gift, key="second")], AT)

    frames = [row["frame"] for row in await stage.database.fetch("select frame from stream_event order by seq")]
    assert frames == [answer.frame for answer in answers]
    for number, frame in enumerate(frames, 1):
        event = events.Gift(
            ROSE, "Rose", "/rose.svg", 1, 3, gift.sender, star, 3 * number, Combo(f"{ann}-{ROSE}", number)
        )
        assert frame == encode_event(EventType.GIFT, Seq(number), AT, event)
    assert json.loads(frames[0])["data"]["sender"]["username"] == 'an "n" ☃'
