"""SQL of removal and export: what is kept about a user's messages."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row
from control_plane.messages.model import ConversationId, Number

_LOCK_ONE = "select true from mailbox where user_id = $1 for no key update"
_PICTURES_OF = "select conversation_id, number from message where sender_id = $1 and picture <> ''"
_FORGET = (
    "delete from message where sender_id = $1",
    "delete from message_copy where user_id = $1",
    """
    update conversation_side set unread = 0,
        message_change = case when exists (
            select from message_copy copy where copy.user_id = conversation_side.user_id
                and copy.conversation_id = conversation_side.conversation_id) then message_change else 0 end
    where other_id = $1
    """,
    "delete from conversation_side where user_id = $1",
    "update conversation set stranger_id = null where stranger_id = $1",
    """
    delete from conversation where (low_id = $1 or high_id = $1)
        and not exists (select from conversation_side side where side.conversation_id = conversation.id)
    """,
    "delete from mailbox where user_id = $1",
)
_EXPORT = """
    select copy.change as id, m.conversation_id, m.number, m.sender_id, side.other_id, m.kind, m.text, m.picture, m.video_id,
        m.stream_id, m.sent_at, m.retracted_at
    from message_copy copy join message m on m.conversation_id = copy.conversation_id and m.number = copy.number
    join conversation_side side on side.user_id = copy.user_id and side.conversation_id = copy.conversation_id
    where copy.user_id = $1 and copy.change < $2::bigint and not copy.deleted order by copy.change desc limit $3
"""
_EXPORT_CONVERSATIONS = """
    select conversation_id as id, other_id as user_id, state, read_number, unread from conversation_side
    where user_id = $1 and conversation_id < $2::bigint order by conversation_id desc limit $3
"""


async def lock_to_forget(connection: Connection, user_id: UserId) -> None:
    """What changes a conversation of the user waits until the transaction ends."""
    await connection.execute(_LOCK_ONE, user_id)


async def pictures_of(connection: Connection, user_id: UserId) -> Sequence[tuple[ConversationId, Number]]:
    """The messages of the user that are pictures."""
    return [(row["conversation_id"], row["number"]) for row in await connection.fetch(_PICTURES_OF, user_id)]


async def forget_person(connection: Connection, user_id: UserId) -> None:
    """Delete what the user sent, for both, and the user's sides. What others sent stays with them."""
    for statement in _FORGET:
        await connection.execute(statement, user_id)


async def exported_messages(database: Database, user_id: UserId, before_id: int, limit: int) -> Sequence[Row]:
    """Sent and received ones."""
    return await database.fetch(_EXPORT, user_id, before_id, limit)


async def exported_conversations(database: Database, user_id: UserId, before_id: int, limit: int) -> Sequence[Row]:
    return await database.fetch(_EXPORT_CONVERSATIONS, user_id, before_id, limit)
