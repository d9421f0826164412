"""The inbox services that endpoints use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.base.ids import UserId
from control_plane.bus.model import Topic
from control_plane.bus.notify import notify_within
from control_plane.db.pool import Database
from control_plane.inbox import store
from control_plane.inbox.announcements import Announcements
from control_plane.inbox.model import Entry, EntryId
from control_plane.personal.hub import PersonalHub


@dataclass(frozen=True, slots=True)
class Inbox:
    database: Database
    announcements: Announcements
    hub: PersonalHub

    async def page(self, user_id: UserId, limit: int, offset: int) -> Sequence[Entry]:
        """Newest first, without entries of hidden senders."""
        return await store.page(self.database, user_id, limit, offset)

    async def unread(self, user_id: UserId) -> int:
        return await store.unread(self.database, user_id)

    async def read(self, user_id: UserId, entry_id: EntryId | None = None) -> None:
        """Mark one entry as read, or all, on all devices of the user."""
        async with self.database.transaction() as connection:
            if await store.read(connection, user_id, entry_id):
                await notify_within(connection, Topic.PERSON, user_id)
