"""The services of direct messages that endpoints use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.messages import store
from control_plane.messages.changing import Changing
from control_plane.messages.missed import missed
from control_plane.messages.model import Change, Listed, Message, Missed, Number, State
from control_plane.messages.news import MessageViews
from control_plane.messages.sending import Sending

MOST_MISSED = 100
"""Changed messages, and changed conversations, that one call brings. More: the answer is larger. Fewer: more calls."""


@dataclass(frozen=True, slots=True)
class DirectMessages:
    database: Database
    sending: Sending
    changing: Changing
    views: MessageViews

    async def page(self, user_id: UserId, state: State, limit: int, offset: int) -> Sequence[Listed]:
        """Conversations with their last messages, newest first."""
        found = await store.conversations(self.database, user_id, state, limit, offset)
        last = await store.last_of(self.database, user_id, [conversation.id for conversation in found])
        return [Listed(conversation, last.get(conversation.id)) for conversation in found]

    async def messages(
        self,
        user_id: UserId,
        other_id: UserId,
        limit: int,
        *,
        before: Number | None = None,
        after: Number | None = None,
    ) -> Sequence[Message]:
        """Newest first; with `after`, oldest first. Empty without a conversation, and while one blocks the other."""
        if after is not None:
            return await store.after(self.database, user_id, other_id, after, limit)
        return await store.before(self.database, user_id, other_id, before or Number(0), limit)

    async def missed(self, user_id: UserId, after: Change) -> Missed:
        """What changed after a change, in its order."""
        boxes = await store.mailboxes(self.database, [user_id])
        last = boxes[user_id].last_change if user_id in boxes else Change(0)
        return (await missed(self.database, {user_id: (after, last)}, MOST_MISSED))[user_id]

    async def unread(self, user_id: UserId) -> tuple[int, int]:
        """Unread messages of open conversations, and requests that wait."""
        return await store.unread(self.database, user_id)
