"""Denies a user something, such as every session, and changes the user's stream in the same transaction."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from control_plane.base.ids import StreamId, UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.streams import store
from control_plane.streams.lifecycle import Also
from control_plane.streams.model import Stream

Deny = Callable[[Connection], Awaitable[bool]]
Change = Callable[[StreamId, Also], Awaitable[Stream | None]]


async def deny_with_stream(
    database: Database, user_id: UserId, deny: Deny, change: Change, also: Also | None = None
) -> tuple[bool, Stream | None]:
    """Run `deny`, and change the user's unfinished stream in the same transaction, with `also`. A stream created
    meanwhile is found by a second look after the denial; a user who was denied every stream cannot create one after
    that. Returns whether `deny` did anything, and the changed stream."""
    denied = False
    changed: Stream | None = None
    seen: set[StreamId] = set()

    async def only_also(connection: Connection, stream: Stream) -> None:
        if also is not None:
            await also(connection, stream)

    async def deny_and_also(connection: Connection, stream: Stream) -> None:
        nonlocal denied
        denied = await deny(connection) or denied
        await only_also(connection, stream)

    while (running := await store.unfinished_of(database, user_id)) and running.id not in seen:
        seen.add(running.id)
        changed = await change(running.id, deny_and_also) or changed
    if changed is None:
        async with database.transaction() as connection:
            denied = await deny(connection)
        if running := await store.unfinished_of(database, user_id):
            changed = await change(running.id, only_also)
    return denied, changed
