"""Relations between users, written as rows."""

from __future__ import annotations

from control_plane.base.ids import UserId
from control_plane.db.pool import Database


async def follow(database: Database, follower: UserId, followed: UserId) -> None:
    await database.execute("insert into follow (follower_id, followed_id) values ($1, $2)", follower, followed)


async def block(database: Database, blocker: UserId, blocked: UserId) -> None:
    await database.execute("insert into block (blocker_id, blocked_id) values ($1, $2)", blocker, blocked)


async def make_private(database: Database, user_id: UserId) -> None:
    await database.execute("update app_user set private = true where id = $1", user_id)


async def ban(database: Database, user_id: UserId) -> None:
    await database.execute("update app_user set banned_at = now() where id = $1", user_id)


async def delete(database: Database, user_id: UserId) -> None:
    await database.execute("update app_user set deleted_at = now() where id = $1", user_id)
