"""The outbox: one row for each device of the receivers, in the transaction of the cause."""

from __future__ import annotations

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.push.model import Push
from control_plane.push.queue import enqueue

_FILL = """
    insert into app_user (username, email) select 'user' || n, null from generate_series(1, 4) n
"""


async def test_nothing_is_queued_without_a_service(database: Database) -> None:
    async with database.transaction() as connection:
        await enqueue(connection, Push("follow", {"sender_id": 1}), [UserId(1)])
    assert await database.fetchval("select count(*) from pgqueuer") == 0
