"""The writer of gifts: which gifts go together, what it does with callers that are gone, at a stop, and between processes."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import pytest

from control_plane.base.ids import Seq, StreamId, UserId
from control_plane.db.pool import DatabaseUnavailable, open_pool
from control_plane.gifts import writer
from control_plane.gifts.sending import GiftOutcome
from control_plane.gifts.sending_store import Answer, Outcome
from control_plane.gifts.writer import BATCH, HALF, SECOND, GiftWriter, TooManyGifts
from control_plane.ledger.account import LARGEST_BALANCE, earned
from control_plane.ledger.adjustments import adjust
from control_plane.ledger.store import open_accounts
from control_plane.ledger.transfers import NotEnoughCoins
from control_plane.ledger.wallets import Wallet, wallet
from tests.control_plane.backends import waiting_backend
from tests.control_plane.gifts.stage import HEART, ROSE, Heard, Stage, order
from tests.control_plane.gifts.test_batches import prepared
from tests.control_plane.watched_database import WatchedDatabase, watched_database
from tests.postgres import by_superuser


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[WatchedDatabase]:
    async with watched_database(dsn) as database:
        yield database


@pytest.fixture
async def elsewhere(dsn: str, stage: Stage) -> AsyncIterator[Stage]:
    """Another process."""
    database = await open_pool(dsn, size=5)
    other = Stage(database)
    yield other
    await other.close()
    await database.close()


async def test_gifts_that_wait_together_are_one_statement(stage: Stage, database: WatchedDatabase) -> None:
    senders = [await stage.user(coins=5) for _ in range(HALF)]
    stars = [(await stage.star())[0] for _ in range(8)]
    gifts = [prepared(sender, stars[n % 8], 5) for n, sender in enumerate(senders)]
    before = database.uses

    answers = await asyncio.gather(*(stage.writer.send(gift) for gift in gifts))

    assert {answer.outcome for answer in answers} == {Outcome.SENT}
    assert database.uses - before == 1
    assert len(stage.heard.frames) == HALF
    assert await stage.audit() == 5 * HALF


@pytest.mark.parametrize(("waiting", "statements"), [(BATCH, 2), (2 * BATCH, 3)])
async def test_up_to_a_batch_leaves_in_halves_and_more_in_whole_batches(
    stage: Stage, database: WatchedDatabase, waiting: int, statements: int
) -> None:
    ann = await stage.user(coins=waiting)
    star, _ = await stage.star()
    before = database.uses

    await asyncio.gather(*(stage.writer.send(prepared(ann, star)) for _ in range(waiting)))

    assert database.uses - before == statements
    assert await stage.audit() == waiting


async def test_a_gift_leaves_at_once_and_those_that_come_meanwhile_leave_together(
    stage: Stage, database: WatchedDatabase
) -> None:
    senders = [await stage.user(coins=5) for _ in range(10)]
    star, stream_id = await stage.star()
    before = database.uses
    async with database.transaction() as connection:
        await connection.execute("select from stream_log where stream_id = $1 for update", stream_id)
        first = asyncio.create_task(stage.writer.send(prepared(senders[0], star)))
        await waiting_backend(stage.database)
        others = [asyncio.create_task(stage.writer.send(prepared(sender, star))) for sender in senders[1:]]
        await asyncio.sleep(0)
    watching = database.uses - before - 2
    await asyncio.gather(first, *others)
    assert database.uses - before - 1 - watching == 2
    assert [seq for _, seq, _ in stage.heard.frames] == list(range(1, 11))


async def test_the_next_statement_leaves_before_the_answers_of_the_last_one_are_given_out(
    stage: Stage, database: WatchedDatabase
) -> None:
    uses: list[int] = []

    class Counting:
        def offer(self, stream_id: StreamId, first_seq: Seq, frames: Sequence[str]) -> None:
            uses.append(database.uses)

    ann, ben = await stage.user(coins=1), await stage.user(coins=1)
    star, _ = await stage.star()
    counted = GiftWriter(stage.database, Counting())
    before = database.uses

    first = asyncio.create_task(counted.send(prepared(ann, star)))
    await asyncio.sleep(0)  # the writer's task exists, and it runs next
    await asyncio.sleep(0)
    await asyncio.gather(first, counted.send(prepared(ben, star)))

    assert [number - before for number in uses] == [2, 2]
    await counted.close()


@asynccontextmanager
async def hanging_gift(stage: Stage, database: WatchedDatabase) -> AsyncIterator[tuple[UserId, asyncio.Task[Answer]]]:
    """Yields the receiver of a gift whose statement hangs until the exit, and its task."""
    ann = await stage.user(coins=1)
    star, stream_id = await stage.star()
    async with database.transaction() as connection:
        await connection.execute("select from stream_log where stream_id = $1 for update", stream_id)
        hanging = asyncio.create_task(stage.writer.send(prepared(ann, star)))
        await waiting_backend(stage.database)
        yield star, hanging
    assert (await hanging).outcome is Outcome.SENT


async def giving(stage: Stage, receivers: Iterable[UserId]) -> list[asyncio.Task[Answer]]:
    """A gift to each of these, from a new user each, all at once."""
    gifts = [prepared(await stage.user(coins=1), receiver) for receiver in receivers]
    tasks = [asyncio.create_task(stage.writer.send(gift)) for gift in gifts]
    await asyncio.sleep(0)
    return tasks


@pytest.mark.parametrize("of_the_first", [0, HALF - SECOND, HALF - SECOND + 1])
async def test_many_gifts_of_other_users_do_not_wait_for_a_statement_that_hangs(
    stage: Stage, database: WatchedDatabase, monkeypatch: pytest.MonkeyPatch, of_the_first: int
) -> None:
    """`of_the_first`: gifts among them to the receiver of that statement."""
    monkeypatch.setattr(writer, "BUSY", math.inf)
    star, _ = await stage.star()
    async with hanging_gift(stage, database) as (held, hanging):
        sending = await giving(stage, [held] * of_the_first + [star] * (HALF - of_the_first))
        if HALF - of_the_first >= SECOND:
            async with asyncio.timeout(20):
                await asyncio.gather(*sending[of_the_first:])
        else:
            assert len(stage.writer._waiting) == HALF
            await database.fetchval("select 1")
        assert not any(task.done() for task in (hanging, *sending[:of_the_first]))
    assert {(await task).outcome for task in sending} == {Outcome.SENT}
    assert await stage.audit() == HALF + 1


async def test_gifts_that_wait_for_a_statement_that_hangs_do_not_keep_others_from_leaving_beside_it(
    stage: Stage, database: WatchedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BUSY", math.inf)
    star, _ = await stage.star()
    async with hanging_gift(stage, database) as (held, hanging):
        held_up = await giving(stage, [held] * HALF)
        async with asyncio.timeout(20):
            await asyncio.gather(*await giving(stage, [star] * HALF))
        assert not any(task.done() for task in (hanging, *held_up))
    await asyncio.gather(*held_up)
    assert await stage.audit() == 2 * HALF + 1


async def test_a_busy_process_sends_one_statement_at_a_time(
    stage: Stage, database: WatchedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BUSY", 0.0)
    monkeypatch.setattr(writer, "LOOK_S", 0.0)
    star, _ = await stage.star()
    async with hanging_gift(stage, database):
        others = await giving(stage, [star] * HALF)
        before = database.uses
        await database.fetchval("select 1")
        assert database.uses - before == 1
        assert len(stage.writer._waiting) == HALF
    await asyncio.gather(*others)
    assert await stage.audit() == HALF + 1


async def test_a_gift_is_answered_though_its_event_cannot_be_offered(stage: Stage) -> None:
    class Broken:
        def offer(self, stream_id: StreamId, first_seq: Seq, frames: Sequence[str]) -> None:
            raise RuntimeError("no hub")

    ann = await stage.user(coins=2)
    star, _ = await stage.star()
    broken = GiftWriter(stage.database, Broken())
    for _ in range(2):
        async with asyncio.timeout(20):
            assert (await broken.send(prepared(ann, star))).outcome is Outcome.SENT
    await broken.close()


async def test_a_second_gift_with_the_same_key_waits_for_the_first(stage: Stage, database: WatchedDatabase) -> None:
    ann = await stage.user(coins=5)
    star, _ = await stage.star()
    gift = prepared(ann, star)
    before = database.uses

    answers = await asyncio.gather(*(stage.writer.send(gift) for _ in range(3)))

    assert [answer.outcome for answer in answers] == [Outcome.SENT, Outcome.REPEATS, Outcome.REPEATS]
    assert database.uses - before == 3
    assert await stage.audit() == 5


async def test_gifts_that_cannot_be_decided_together_are_decided_one_by_one(stage: Stage) -> None:
    ann = await stage.user(coins=20)
    star, _ = await stage.star()
    await by_superuser(
        stage.database,
        "set session_replication_role = replica; insert into ledger_account (owner_id, kind, balance) "
        f"values ({star}, 'earned', {LARGEST_BALANCE - 8})",
    )

    answers = await asyncio.gather(*(stage.writer.send(prepared(ann, star, 5)) for _ in range(3)))

    assert [answer.outcome for answer in answers] == [Outcome.SENT, Outcome.TOO_MANY, Outcome.TOO_MANY]
    assert (await wallet(stage.database, ann)).bought == 15


async def test_gifts_that_are_decided_one_by_one_are_answered_while_others_wait(stage: Stage) -> None:
    ann, ben = await stage.user(coins=10), await stage.user(coins=BATCH)
    rich, _ = await stage.star()
    star, _ = await stage.star()
    await by_superuser(
        stage.database,
        "set session_replication_role = replica; insert into ledger_account (owner_id, kind, balance) "
        f"values ({rich}, 'earned', {LARGEST_BALANCE - 8})",
    )
    gifts = [*(prepared(ann, rich, 5) for _ in range(2)), *(prepared(ben, star) for _ in range(BATCH))]

    answers = await asyncio.gather(*(stage.writer.send(gift) for gift in gifts))

    assert [answer.outcome for answer in answers] == [Outcome.SENT, Outcome.TOO_MANY, *[Outcome.SENT] * BATCH]


async def test_a_caller_that_is_gone_does_not_stop_the_gift(stage: Stage) -> None:
    ann, ben = await stage.user(coins=5), await stage.user(coins=5)
    star, stream_id = await stage.star()
    async with stage.database.transaction() as connection:
        await connection.execute("select from stream_log where stream_id = $1 for update", stream_id)
        sending = asyncio.create_task(stage.gifts.send(order(ann, star, HEART), "ref"))
        await waiting_backend(stage.database)
        waiting = asyncio.create_task(stage.gifts.send(order(ben, star, HEART), "ref"))
        await asyncio.sleep(0)
        sending.cancel()
        await asyncio.wait([sending])
    await waiting

    assert (await stage.gifts.send(order(ann, star, HEART), "ref")).replayed
    assert await wallet(stage.database, star) == Wallet(earned=10)
    assert len(stage.heard.frames) == 2
    assert await stage.audit() == 10


async def test_a_stop_answers_the_accepted_gifts_and_takes_no_more(stage: Stage) -> None:
    senders = [await stage.user(coins=5) for _ in range(3)]
    star, stream_id = await stage.star()
    async with stage.database.transaction() as connection:
        await connection.execute("select from stream_log where stream_id = $1 for update", stream_id)
        accepted = [asyncio.create_task(stage.writer.send(prepared(sender, star))) for sender in senders[:2]]
        await waiting_backend(stage.database)
        closing = asyncio.create_task(stage.writer.close())
        await asyncio.sleep(0)
        with pytest.raises(DatabaseUnavailable):
            await stage.writer.send(prepared(senders[2], star))
    await closing

    assert [task.result().outcome for task in accepted] == [Outcome.SENT] * 2
    assert await stage.audit() == 15


async def test_a_stop_does_not_wait_for_a_database_that_hangs(stage: Stage) -> None:
    ann = await stage.user(coins=5)
    star, stream_id = await stage.star()
    async with stage.database.transaction() as connection:
        await connection.execute("select from stream_log where stream_id = $1 for update", stream_id)
        accepted = asyncio.create_task(stage.writer.send(prepared(ann, star)))
        await waiting_backend(stage.database)
        await stage.writer.close(deadline_s=0)
        with pytest.raises(DatabaseUnavailable):
            await accepted


async def test_more_gifts_than_may_wait_are_refused(stage: Stage) -> None:
    crowded = GiftWriter(stage.database, Heard(), most_waiting=3)
    ann = await stage.user(coins=5)
    star, _ = await stage.star()

    outcomes = await asyncio.gather(*(crowded.send(prepared(ann, star)) for _ in range(5)), return_exceptions=True)

    assert [isinstance(outcome, Answer) for outcome in outcomes] == [True, True, True, False, False]
    assert isinstance(outcomes[4], TooManyGifts)
    assert (await crowded.send(prepared(ann, star))).outcome is Outcome.SENT
    await crowded.close()


async def test_a_gift_whose_database_stays_away_is_refused_at_its_deadline(stage: Stage, elsewhere: Stage) -> None:
    ann = await stage.user(coins=5)
    star, _ = await stage.star()
    await elsewhere.database.close()
    with pytest.raises(DatabaseUnavailable):
        await elsewhere.writer.send(prepared(ann, star), deadline_s=0.3)
    assert await stage.audit() == 5


async def test_many_to_many_in_two_processes_at_once_never_deadlock(
    stage: Stage, elsewhere: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    """A deadlock would be retried, and logged."""
    people = [await stage.user(coins=100) for _ in range(8)]
    for user_id in people:
        await stage.go_live(user_id)
    gifts = [(giver, receiver) for giver in people for receiver in people if giver != receiver] * 2
    with caplog.at_level(logging.WARNING):
        outcomes = await asyncio.gather(
            *(stage.gifts.send(order(giver, receiver)) for giver, receiver in gifts),
            *(elsewhere.gifts.send(order(giver, receiver)) for giver, receiver in reversed(gifts)),
        )

    assert "gifts_wait_for_the_database" not in caplog.text
    assert len({outcome.sent.id for outcome in outcomes}) == 2 * len(gifts)
    assert await stage.audit() == 800


async def test_first_gifts_with_rewards_in_two_processes_open_each_account_once(
    stage: Stage, elsewhere: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    people = [await stage.user(coins=100) for _ in range(6)]
    await open_accounts(stage.database, [earned(people[0])])
    plain = [order(giver, receiver) for giver in people for receiver in people if giver != receiver]
    with caplog.at_level(logging.WARNING):
        outcomes = await asyncio.gather(
            *((stage if n % 2 else elsewhere).gifts.send(gift) for n, gift in enumerate(plain)),
        )
    assert len(outcomes) == len(plain)
    assert await stage.audit() == 600


async def test_of_64_gifts_with_64_keys_in_two_processes_a_purse_for_3_pays_3(stage: Stage, elsewhere: Stage) -> None:
    ann = await stage.user(coins=3)
    star, _ = await stage.star()

    outcomes = await asyncio.gather(
        *((stage if n % 2 else elsewhere).gifts.send(order(ann, star), f"{n}") for n in range(64)),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, GiftOutcome) for outcome in outcomes) == 3
    assert sum(isinstance(outcome, NotEnoughCoins) for outcome in outcomes) == 61
    assert await stage.audit() == 3


async def test_equal_orders_of_a_session_without_a_key_are_one_gift_while_the_first_is_on_its_way(stage: Stage) -> None:
    ann = await stage.user(coins=20)
    star, _ = await stage.star()
    gift = order(ann, star, HEART)

    outcomes = await asyncio.gather(*(stage.gifts.send(gift, None, "phone") for _ in range(4)))
    assert len({outcome.sent.id for outcome in outcomes}) == 1
    others = await asyncio.gather(
        stage.gifts.send(gift, None, "phone"),
        stage.gifts.send(gift, None, "tablet"),
        stage.gifts.send(order(ann, star, ROSE), None, "phone"),
    )
    assert len({outcome.sent.id for outcome in (*outcomes, *others)}) == 4
    assert await stage.audit() == 20


async def test_a_gift_that_others_share_survives_the_caller_that_began_it(stage: Stage) -> None:
    ann = await stage.user(coins=20)
    star, stream_id = await stage.star()
    async with stage.database.transaction() as connection:
        await connection.execute("select from stream_log where stream_id = $1 for update", stream_id)
        first = asyncio.create_task(stage.gifts.send(order(ann, star), None, "phone"))
        await waiting_backend(stage.database)
        second = asyncio.create_task(stage.gifts.send(order(ann, star), None, "phone"))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
    assert not (await second).replayed
    assert await wallet(stage.database, star) == Wallet(earned=1)


async def test_a_refusal_is_shared_and_not_kept(stage: Stage) -> None:
    ann = await stage.user()
    star, _ = await stage.star()
    refusals = await asyncio.gather(
        *(stage.gifts.send(order(ann, star), None, "phone") for _ in range(3)), return_exceptions=True
    )
    assert all(isinstance(refusal, NotEnoughCoins) for refusal in refusals)
    await adjust(stage.database, ann, 1, "more")
    assert (await stage.gifts.send(order(ann, star), None, "phone")).wallet == Wallet()
