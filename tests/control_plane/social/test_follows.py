"""Follows at the same time as blocks, requests and other processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

import pytest

from control_plane.accounts.user import UserNotFound
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, open_pool
from control_plane.inbox.follows import InboxOfFollows
from control_plane.social import follows_store as store
from control_plane.social.follows import Follows
from control_plane.social.model import Seen
from control_plane.social.toggles import Toggles
from tests.control_plane.backends import waiting_backend
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import block, follow, make_private
from tests.waiting import until


class Told(NamedTuple):
    what: str
    sender_id: UserId
    receiver_ids: Sequence[UserId]


class Notices:
    """Writes down who is told, and that the cause is in the same transaction."""

    def __init__(self) -> None:
        self.told: list[Told] = []

    async def followed(self, connection: Connection, follower_id: UserId, followed_id: UserId) -> None:
        self.told.append(Told("followed", follower_id, [followed_id]))
        await self._in_transaction(connection, "select from follow where follower_id = $1 and followed_id = $2")

    async def requested(self, connection: Connection, requester_id: UserId, requested_id: UserId) -> None:
        self.told.append(Told("requested", requester_id, [requested_id]))
        await self._in_transaction(
            connection, "select from follow_request where requester_id = $1 and requested_id = $2"
        )

    async def accepted(self, connection: Connection, requested_id: UserId, requester_ids: Sequence[UserId]) -> None:
        self.told.append(Told("accepted", requested_id, requester_ids))
        await self._in_transaction(connection, "select from follow where follower_id = $2 and followed_id = $1")

    async def _in_transaction(self, connection: Connection, cause: str) -> None:
        assert connection.is_in_transaction()
        for receiver_id in self.told[-1].receiver_ids:
            assert await connection.fetchrow(cause, self.told[-1].sender_id, receiver_id) is not None


def follows_on(database: Database) -> Follows:
    return Follows(database, Toggles(database), InboxOfFollows())


async def toggled(follows: Follows, follower: UserId, followed: UserId) -> Seen:
    return await follows.toggle(follower, followed, time.perf_counter())


async def count(database: Database, table: str = "follow") -> int:
    number: int = await database.fetchval(f"select count(*) from {table}")
    return number


async def test_each_follow_request_and_acceptance_is_told_once(database: Database) -> None:
    notices = Notices()
    follows = Follows(database, Toggles(database), notices)
    ann, ben, cid = [await new_user(database) for _ in range(3)]
    await toggled(follows, ann, ben)
    await toggled(follows, ann, ben)
    await make_private(database, ben)
    await toggled(follows, ann, ben)
    await toggled(follows, ann, ben)
    await toggled(follows, ann, ben)
    await follows.answer(ben, ann, True)
    await toggled(follows, cid, ben)
    await follows.answer(ben, cid, False)
    await toggled(follows, cid, ben)
    async with database.transaction() as connection:
        await connection.execute("update app_user set private = false")
        await follows.account_opened(connection, ben)
    assert notices.told == [
        Told("followed", ann, [ben]),
        Told("requested", ann, [ben]),
        Told("requested", ann, [ben]),
        Told("accepted", ben, [ann]),
        Told("requested", cid, [ben]),
        Told("requested", cid, [ben]),
        Told("accepted", ben, [cid]),
    ]


async def test_end_follows_ends_follows_and_requests_in_both_directions(database: Database) -> None:
    ann, ben, cid = [await new_user(database) for _ in range(3)]
    for pair in ((ann, ben), (ben, ann), (ann, cid), (cid, ben)):
        await follow(database, *pair)
        await database.execute("insert into follow_request (requester_id, requested_id) values ($1, $2)", *pair)
    async with database.transaction() as connection:
        await store.end_follows(connection, ben, ann)
    for table in ("follow", "follow_request"):
        assert await count(database, table) == 2, table
    assert (
        await count(
            database, f"follow where {ann} in (follower_id, followed_id) and {ben} in (follower_id, followed_id)"
        )
        == 0
    )


async def test_a_follow_waits_for_a_block_and_is_refused(database: Database) -> None:
    ann, ben = await new_user(database), await new_user(database)
    async with database.transaction() as connection:
        await store.end_follows(connection, ben, ann)
        following = asyncio.create_task(toggled(follows_on(database), ann, ben))
        await waiting_backend(database)
        await connection.execute("insert into block (blocker_id, blocked_id) values ($1, $2)", ben, ann)
    with pytest.raises(UserNotFound):
        await following
    assert await count(database) == 0


async def test_a_request_that_is_accepted_while_a_block_begins_leaves_no_follow(database: Database) -> None:
    ann, ben = await new_user(database), await new_user(database)
    await make_private(database, ben)
    await toggled(follows_on(database), ann, ben)

    async def ends() -> None:
        async with database.transaction() as connection:
            await store.end_follows(connection, ben, ann)

    async with database.transaction() as connection:
        assert await store.accept_oldest(connection, ben, 10) == [ann]
        ending = asyncio.create_task(ends())
        await waiting_backend(database)
    await ending
    assert (await count(database), await count(database, "follow_request")) == (0, 0)


async def test_a_request_that_arrives_while_the_account_becomes_public_is_a_follow(database: Database) -> None:
    ann, ben = await new_user(database), await new_user(database)
    await make_private(database, ben)
    async with database.transaction() as connection:
        await connection.execute("update app_user set private = false where id = $1", ben)
        await follows_on(database).account_opened(connection, ben)
        following = asyncio.create_task(toggled(follows_on(database), ann, ben))
        await waiting_backend(database)
    assert (await following).relation.follows
    assert await count(database, "follow_request") == 0


async def test_a_double_tap_on_two_processes_follows(database: Database, dsn: str) -> None:
    elsewhere = await open_pool(dsn, size=2)
    ann, ben = await new_user(database), await new_user(database)
    try:
        async with database.transaction() as connection:
            await store.end_follows(connection, ann, ben)  # holds both calls at the lock of the pair
            first = asyncio.create_task(toggled(follows_on(database), ann, ben))
            second = asyncio.create_task(toggled(follows_on(elsewhere), ann, ben))
            await until(lambda: two_wait(database))
        assert [(await call).relation.follows for call in (first, second)] == [True, True]
    finally:
        await elsewhere.close()
    assert await count(database) == 1


async def two_wait(database: Database) -> bool:
    return (
        await count(database, "pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") == 2
    )


async def test_users_who_follow_each_other_at_once_do_not_deadlock(database: Database) -> None:
    people = [await new_user(database) for _ in range(6)]
    follows = follows_on(database)
    pairs = [(one, other) for one in people for other in people if one != other]

    async def ends(one: UserId, other: UserId) -> None:
        async with database.transaction() as connection:
            await store.end_follows(connection, one, other)

    for _ in range(3):
        await asyncio.gather(
            *(follows.toggle(*pair, time.perf_counter(), True) for pair in pairs), *(ends(*pair) for pair in pairs[::3])
        )
    counters = await database.fetchval("select sum(value) from counter where name = 'user.followers'")
    assert counters == await count(database)


async def test_a_blocked_user_who_asked_is_not_accepted(database: Database) -> None:
    ann, ben = await new_user(database), await new_user(database)
    await make_private(database, ben)
    follows = follows_on(database)
    await toggled(follows, ann, ben)
    await block(database, ben, ann)
    with pytest.raises(UserNotFound):
        await follows.answer(ben, ann, True)
    assert await count(database) == 0


async def test_the_inbox_tells_of_follows_requests_and_acceptances(database: Database) -> None:
    follows = follows_on(database)
    ann, ben = await new_user(database), await new_user(database)
    await toggled(follows, ben, ann)
    await make_private(database, ben)
    await toggled(follows, ann, ben)
    await follows.answer(ben, ann, True)
    rows = await database.fetch("select receiver_id, kind, sender_id from inbox_entry order by created_at")
    assert [tuple(row) for row in rows] == [
        (ann, "following", ben),
        (ben, "follow_request", ann),
        (ann, "follow_accepted", ben),
    ]
