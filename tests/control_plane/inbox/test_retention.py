"""The jobs of inboxes: old entries, and entries of a star who is banned."""

from __future__ import annotations

import pytest

from control_plane.db.pool import Database
from control_plane.inbox import retention, store
from control_plane.inbox.model import Kind, Told
from control_plane.inbox.retention import InboxRetention, delete_old_entries, hide_more_entries
from tests.control_plane.inbox.test_telling import told
from tests.control_plane.people import new_user
from tests.control_plane.social.relations import ban

FANS = 5100
"""More than a ban hides at once."""


async def test_old_entries_are_deleted(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    ann, bob = await new_user(database), await new_user(database)
    for subject in range(1, 8):
        await told(database, Told(Kind.GIFT, ann, subject_id=subject), bob)
    await database.execute("update inbox_entry set created_at = now() - interval '31 days' where number <= 5")
    await delete_old_entries.function(InboxRetention(database, 30))
    assert [entry.id for entry in await store.page(database, bob, 10, 0)] == [7, 6]
    assert await store.unread(database, bob) == 2


async def test_the_entries_of_a_banned_star_are_hidden_by_a_job_and_shown_again(database: Database) -> None:
    star = await new_user(database, "star")
    await database.execute("insert into app_user (username) select 'fan' || n from generate_series(1, $1) as n", FANS)
    await database.execute(
        "insert into inbox_entry (receiver_id, number, sender_id, kind) select id, 1, $1, 'live' from app_user where id <> $1",
        star,
    )

    async def unread() -> int:
        return await database.fetchval("select sum(value)::bigint from counter where name = 'user.unread'")  # type: ignore[no-any-return]

    assert await unread() == FANS
    await ban(database, star)
    assert 0 < await unread() < FANS
    await hide_more_entries.function(database)
    assert await unread() == 0
    await database.execute("update app_user set banned_at = null where id = $1", star)
    await hide_more_entries.function(database)
    assert await unread() == FANS
    assert await database.fetchval("select count(*) from inbox_hiding") == 0
