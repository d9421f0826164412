"""Tells users what operators decided about their own matters. Such an entry has no other sender: it is shown as one of
the user's own, and no switch, block or rate keeps it from the inbox."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.base.ids import UserId
from control_plane.bus.model import Topic
from control_plane.bus.notify import notify
from control_plane.db.connections import Connection
from control_plane.inbox import store
from control_plane.inbox.model import PUSH_OF_KIND, Kind
from control_plane.inbox.telling import KEPT
from control_plane.push.model import Push
from control_plane.push.queue import enqueue

LONGEST_TEXT = 600


async def tell_of_own(
    connection: Connection, kind: Kind, subject_id: int, text: str, user_ids: Sequence[UserId]
) -> None:
    """One entry with the same text for each of these users, in the transaction of the cause. Entries of a user who is
    banned are hidden until the ban ends. Call it last, as `tell`."""
    text = text.strip()[:LONGEST_TEXT]
    added = await store.add_own(connection, kind, subject_id, text, sorted(set(user_ids)))
    if added:
        await store.cut(connection, added, KEPT)
        await notify(connection, "", Topic.PERSON, [(user_id, 0) for user_id in added])
        await enqueue(connection, Push(PUSH_OF_KIND[kind], {"text": text}), added)
