"""What changed in mailboxes: for sockets as it happens, and for clients that were away."""

from __future__ import annotations

from collections.abc import Mapping

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.messages import store
from control_plane.messages.model import Change, Missed


async def missed(database: Database, wanted: Mapping[UserId, tuple[Change, Change]], most: int) -> dict[UserId, Missed]:
    """For each user what changed after the first number up to the last one: at most the first `most` messages and
    conversations, in two queries for all users."""
    if not wanted:
        return {}
    messages = await store.changed_messages(database, wanted, most)
    conversations = await store.changed_conversations(database, wanted, most)
    found = {}
    for user_id, (_, last) in wanted.items():
        lists = messages.get(user_id, []), conversations.get(user_id, [])
        complete = min([last, *(entries[-1].change for entries in lists if len(entries) == most)])
        found[user_id] = Missed(
            [message for message in lists[0] if message.change <= complete],
            [conversation for conversation in lists[1] if conversation.change <= complete],
            complete,
            complete < last,
        )
    return found
