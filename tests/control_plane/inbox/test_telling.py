"""What users are told: who may be told, how often, and unread counts that stay exact."""

from __future__ import annotations

import asyncio

import pytest

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.inbox import store, telling
from control_plane.inbox.model import SWITCHES, EntryId, Kind, Told
from control_plane.inbox.telling import tell
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban, block, delete


async def told(database: Database, told: Told, *receivers: UserId) -> None:
    async with database.transaction() as connection:
        await tell(connection, told, receivers)


async def kinds(database: Database, user_id: UserId) -> list[Kind]:
    return [entry.told.kind for entry in await store.page(database, user_id, 100, 0)]


async def read(database: Database, user_id: UserId, entry_id: EntryId | None = None) -> bool:
    async with database.transaction() as connection:
        return await store.read(connection, user_id, entry_id)


async def test_an_entry_is_told_and_read(database: Database) -> None:
    ann, bob = await new_user(database), await new_user(database)
    await told(database, Told(Kind.FOLLOW, ann), bob, ann)
    await told(database, Told(Kind.GIFT, ann, subject_id=3, text="Rose"), bob)
    assert await kinds(database, bob) == [Kind.GIFT, Kind.FOLLOW]
    assert await kinds(database, ann) == []
    assert await store.unread(database, bob) == 2
    assert await read(database, bob, EntryId(1))
    assert await store.unread(database, bob) == 1
    assert await read(database, bob)
    assert not await read(database, bob)
    assert await store.unread(database, bob) == 0


async def test_follow_and_unfollow_in_turn_makes_one_entry(database: Database) -> None:
    ann, bob = await new_user(database), await new_user(database)
    for _ in range(5):
        await told(database, Told(Kind.FOLLOW, ann), bob)
    assert await kinds(database, bob) == [Kind.FOLLOW]


async def test_entries_are_numbered_without_gaps(database: Database) -> None:
    ann, bob = await new_user(database), await new_user(database)
    for subject in range(1, 6):
        await told(database, Told(Kind.GIFT, ann, subject_id=subject), bob)
    assert [entry.id for entry in await store.page(database, bob, 3, 1)] == [4, 3, 2]


@pytest.mark.parametrize("kind", Kind)
async def test_a_kind_that_is_turned_off_is_not_told(database: Database, kind: Kind) -> None:
    ann, bob = await new_user(database), await new_user(database)
    switch = SWITCHES.get(kind)
    others = [name for name in set(SWITCHES.values()) if name != switch]
    for name in others:
        await database.execute(f"update push_setting set {name} = false where user_id = $1", bob)
    await told(database, Told(kind, ann), bob)
    assert await kinds(database, bob) == [kind]
    if switch is not None:
        await database.execute(f"update push_setting set {switch} = false where user_id = $1", bob)
        await told(database, Told(kind, ann, room_id=1), bob)
        assert await kinds(database, bob) == [kind]


async def test_users_who_do_not_see_each_other_are_not_told(database: Database) -> None:
    ann, blocks, blocked, banned, deleted = [await new_user(database) for _ in range(5)]
    await block(database, blocks, ann)
    await block(database, ann, blocked)
    await ban(database, banned)
    await delete(database, deleted)
    for user in (blocks, blocked, banned, deleted):
        await told(database, Told(Kind.FOLLOW, ann), user)
        assert await kinds(database, user) == []
        await told(database, Told(Kind.FOLLOW, user), ann)
        assert await kinds(database, ann) == []


async def test_entries_of_hidden_senders_are_neither_shown_nor_counted(database: Database) -> None:
    bob, blocked, blocks, banned, deleted = [await new_user(database) for _ in range(5)]
    for sender in (blocked, blocks, banned, deleted):
        await told(database, Told(Kind.FOLLOW, sender), bob)
    assert await store.unread(database, bob) == 4
    await block(database, bob, blocked)
    await block(database, blocks, bob)
    await ban(database, banned)
    await delete(database, deleted)
    assert (await kinds(database, bob), await store.unread(database, bob)) == ([], 0)
    await database.execute("delete from block where blocker_id = $1", bob)
    assert await store.unread(database, bob) == 1
    await database.execute("update app_user set banned_at = null, deleted_at = null")
    assert await store.unread(database, bob) == 3
    await block(database, bob, banned)
    await ban(database, banned)
    await database.execute("update app_user set banned_at = null where id = $1", banned)
    assert await store.unread(database, bob) == 2, "still blocked"
    await read(database, bob)
    assert await store.unread(database, bob) == 0


async def test_the_entries_of_one_sender_are_limited(database: Database) -> None:
    ann, bob, cid = [await new_user(database) for _ in range(3)]
    for subject in range(telling.MOST_IN_ONE_INBOX + 3):
        await told(database, Told(Kind.COMMENT_REPLY, ann, subject_id=subject + 1), bob)
    assert len(await kinds(database, bob)) == telling.MOST_IN_ONE_INBOX
    await told(database, Told(Kind.COMMENT_REPLY, ann, subject_id=1), cid)
    assert len(await kinds(database, cid)) == 1


async def test_an_inbox_keeps_the_newest_entries(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "KEPT", 3)
    bob = await new_user(database)
    for _ in range(5):
        await told(database, Told(Kind.FOLLOW, await new_user(database)), bob)
    assert [entry.id for entry in await store.page(database, bob, 10, 0)] == [5, 4, 3]
    assert await store.unread(database, bob) == 3


async def test_told_and_read_at_once_is_counted_exactly(database: Database) -> None:
    bob, cid = await new_user(database), await new_user(database)
    senders = [await new_user(database) for _ in range(64)]

    async def one(number: int, sender: UserId) -> None:
        await told(database, Told(Kind.FOLLOW, sender), *((bob, cid) if number % 2 else (cid, bob)))
        if number % 4 == 0:
            await read(database, bob)

    await asyncio.gather(*(one(number, sender) for number, sender in enumerate(senders)))
    entries = await store.page(database, bob, 100, 0)
    assert [entry.id for entry in entries] == list(range(64, 0, -1))
    assert await store.unread(database, bob) == sum(not entry.read for entry in entries)
    assert await store.unread(database, cid) == 64
