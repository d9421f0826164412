"""Visits to profiles."""

from __future__ import annotations

from control_plane.accounts import store
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.social.visits_store import record_visit
from tests.control_plane.people import new_user


async def unseen(database: Database, user_id: UserId) -> int:
    return (await store.by_ids(database, [user_id]))[user_id].unseen_visits


async def test_visits_are_counted_by_visitor_until_they_are_seen(database: Database) -> None:
    ann, bob, cid = [await new_user(database) for _ in range(3)]
    await database.execute("update app_user set profile_view = true")
    for visitor in (bob, bob, cid):
        await record_visit(database, ann, visitor)
    assert (await unseen(database, ann), await unseen(database, bob)) == (2, 0)
    await database.execute("update profile_visit set seen = true")
    await record_visit(database, ann, bob)
    assert await unseen(database, ann) == 1


async def test_a_user_who_does_not_exist_cannot_be_visited(database: Database) -> None:
    ann = await new_user(database)
    await database.execute("update app_user set profile_view = true")
    await record_visit(database, UserId(999_999), ann)
    assert await database.fetchval("select count(*) from profile_visit") == 0


async def test_who_does_not_want_to_be_seen_leaves_no_visit(database: Database) -> None:
    ann, bob = await new_user(database), await new_user(database)
    await database.execute("update app_user set profile_view = false")
    await record_visit(database, ann, bob)
    assert await unseen(database, ann) == 0
