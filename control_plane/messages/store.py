"""SQL that changes conversations and their messages. What changes a conversation locks the mailboxes of both first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.messages.model import Change, Content, ConversationId, Kind, Number, State

_SENDER = "select true from app_user where id = $1 and banned_at is null and deleted_at is null for share"
_LOCK = """
    select user_id, case when period_start > now() - $2::interval then period_sent else 0 end as sent
    from mailbox where user_id = any($1::integer[]) order by user_id for no key update
"""
_TOUCH = """
    update mailbox set last_change = last_change + 1 where user_id = any($1::integer[]) returning user_id, last_change
"""
_SENT_BEFORE = """
    select m.conversation_id, m.number, kind, text, video_id, stream_id, other_id
    from message m join conversation_side side on side.user_id = $1 and side.conversation_id = m.conversation_id
    where m.sender_id = $1 and m.client_ref = $2
"""
_PAIR = """
    select side.conversation_id, side.state, other.state as other_state, coalesce(other.waiting, 0) as waiting,
        exists (select from follow where follower_id = $2 and followed_id = $1) as followed
    from (select) as one
    left join conversation_side side on side.user_id = $1 and side.other_id = $2
    left join conversation_side other on other.user_id = $2 and other.other_id = $1
"""
_STRANGERS = """
    select count(*) from conversation where stranger_id = $1 and created_at > now() - $2::interval
"""
_BEGIN = """
    insert into conversation (low_id, high_id, stranger_id)
    values (least($1::integer, $2::integer), greatest($1::integer, $2::integer), case when $3::boolean then $1 end)
    returning id
"""
_BEGIN_SIDES = """
    insert into conversation_side (user_id, conversation_id, other_id, state, change)
    values ($2, $1, $3, 'open', 0), ($3, $1, $2, $4, 0)
"""
_SEND = """
    with numbered as (
        update conversation set last_number = last_number + 1 where id = $1 returning last_number
    ), changed as (
        update mailbox set last_change = last_change + 1,
            period_start = case when user_id = $2 and period_start <= now() - $5::interval then now() else period_start end,
            period_sent = case when user_id <> $2 then period_sent
                when period_start <= now() - $5::interval then 1 else period_sent + 1 end
        where user_id in ($2, $3) returning user_id, last_change
    ), written as (
        insert into message (
            conversation_id, number, sender_id, kind, text, picture, picture_small, video_id, stream_id, client_ref)
        select $1, last_number, $2, $6, $7, $8, $9, $10, $11, $12 from numbered
    ), copied as (
        insert into message_copy (user_id, conversation_id, number, change)
        select user_id, $1, last_number, last_change from changed, numbered where user_id = $2 or $4::text <> 'declined'
    ), sides as (
        update conversation_side side set
            state = case when side.user_id = $2 then 'open' else $4::text end,
            waiting = case when side.user_id = $2 or $4::text = 'open' then 0 else waiting + 1 end,
            change = last_change,
            message_change = case when side.user_id = $2 or $4::text <> 'declined' then last_change else message_change end,
            read_number = case when side.user_id = $2 then last_number else read_number end,
            unread = case when side.user_id = $2 then 0 when $4::text = 'declined' then unread else unread + 1 end
        from changed, numbered where side.user_id = changed.user_id and side.conversation_id = $1
    )
    select last_number from numbered
"""
_STILL_UNREAD = """
    (select count(*) from message_copy copy
        join message m on m.conversation_id = copy.conversation_id and m.number = copy.number
        where copy.user_id = side.user_id and copy.conversation_id = side.conversation_id
            and copy.number > greatest($3::integer, side.read_number, side.deleted_number)
            and not copy.deleted and m.sender_id <> side.user_id and m.retracted_at is null)
"""
_READ = f"""
    update conversation_side side set read_number = greatest(read_number, $3::integer), change = $4, unread = {_STILL_UNREAD}
    where user_id = $1 and conversation_id = $2
"""
_CHANGE_SIDE = "update conversation_side set change = $3 where user_id = $1 and conversation_id = $2"
_SET_STATE = (
    "update conversation_side set state = $3, waiting = 0, change = $4 where user_id = $1 and conversation_id = $2"
)
_DELETE_COPY = """
    update message_copy set deleted = true, change = $4
    where user_id = $1 and conversation_id = $2 and number = $3 and not deleted returning true
"""
_RETRACT = """
    update message set text = '', picture = '', picture_small = '', video_id = 0, stream_id = 0, retracted_at = now()
    where conversation_id = $1 and number = $2 and sender_id = $3 and retracted_at is null and sent_at > now() - $4::interval
    returning true
"""
_ERASE_DELETED = """
    update message m set text = '', picture = '', picture_small = '', video_id = 0, stream_id = 0
    where conversation_id = $1 and number = $2
        and not exists (select from message_copy copy where copy.conversation_id = $1 and copy.number = $2 and not deleted)
    returning true
"""
_CHANGE_COPY = "update message_copy set change = $4 where user_id = $1 and conversation_id = $2 and number = $3"
_DELETE_CONVERSATION = """
    update conversation_side side set deleted_number = $3, read_number = $3, unread = 0, message_change = 0, change = $4,
        state = case when state = 'request' then 'declined' else state end
    where user_id = $1 and conversation_id = $2
"""
_DELETE_COPIES = "delete from message_copy where user_id = $1 and conversation_id = $2 and number <= $3"
_DELETE_UNOWNED = """
    delete from message m where conversation_id = $1 and number <= $2
        and not exists (select from message_copy copy where copy.conversation_id = m.conversation_id and copy.number = m.number)
    returning number, picture
"""


class Sent(NamedTuple):
    """A message that was sent with a client_ref."""

    conversation_id: ConversationId
    number: Number
    receiver_id: UserId
    kind: Kind
    content: Content
    """Without the names of pictures."""


class Pair(NamedTuple):
    """How a sender and a receiver stand to each other."""

    conversation_id: ConversationId | None
    """None: they have no conversation."""
    receiver_state: State | None
    waiting: int
    """Messages that arrived before the receiver accepted."""
    followed: bool
    """The receiver follows the sender."""


async def lock_sender(connection: Connection, user_id: UserId) -> bool:
    """A ban waits until the transaction ends. False: the user is banned or deleted."""
    return bool(await connection.fetchval(_SENDER, user_id))


async def lock(connection: Connection, user_ids: Collection[UserId], period: dt.timedelta) -> Mapping[UserId, int]:
    """Lock the mailboxes. Returns the number of messages that each user sent within the period."""
    return {row["user_id"]: row["sent"] for row in await connection.fetch(_LOCK, list(user_ids), period)}


async def touch(connection: Connection, user_ids: Collection[UserId]) -> dict[UserId, Change]:
    """Number a change of these mailboxes, which are locked."""
    return {row["user_id"]: row["last_change"] for row in await connection.fetch(_TOUCH, list(user_ids))}


async def sent_before(connection: Connection, sender_id: UserId, client_ref: str) -> Sent | None:
    row = await connection.fetchrow(_SENT_BEFORE, sender_id, client_ref)
    if row is None:
        return None
    content = Content(text=row["text"], video_id=row["video_id"], stream_id=row["stream_id"])
    return Sent(row["conversation_id"], row["number"], row["other_id"], Kind(row["kind"]), content)


async def pair(connection: Connection, sender_id: UserId, receiver_id: UserId) -> Pair:
    row = await connection.fetchrow(_PAIR, sender_id, receiver_id)
    assert row is not None, "the statement has one row"
    state = row["other_state"]
    return Pair(row["conversation_id"], State(state) if state else None, row["waiting"], row["followed"])


async def strangers(connection: Connection, user_id: UserId, since: dt.timedelta) -> int:
    """The number of conversations that the user began as a stranger."""
    number: int = await connection.fetchval(_STRANGERS, user_id, since)
    return number


async def begin(connection: Connection, sender_id: UserId, receiver_id: UserId, state: State) -> ConversationId:
    """`state`: that of the receiver."""
    conversation_id: ConversationId = await connection.fetchval(_BEGIN, sender_id, receiver_id, state is not State.OPEN)
    await connection.execute(_BEGIN_SIDES, conversation_id, sender_id, receiver_id, state.value)
    return conversation_id


async def send(
    connection: Connection,
    conversation_id: ConversationId,
    sender_id: UserId,
    receiver_id: UserId,
    state: State,
    content: Content,
    client_ref: str | None,
    period: dt.timedelta,
) -> Number:
    """Write a message. Both mailboxes are locked. `state`: that of the receiver."""
    number: Number = await connection.fetchval(
        _SEND,
        conversation_id,
        sender_id,
        receiver_id,
        state.value,
        period,
        content.kind.value,
        content.text,
        content.picture,
        content.picture_small,
        content.video_id,
        content.stream_id,
        client_ref,
    )
    return number


async def read(
    connection: Connection, user_id: UserId, conversation_id: ConversationId, number: Number, change: Change
) -> None:
    """Messages up to `number` are read. Unread ones are counted again."""
    await connection.execute(_READ, user_id, conversation_id, number, change)


async def change_side(connection: Connection, user_id: UserId, conversation_id: ConversationId, change: Change) -> None:
    await connection.execute(_CHANGE_SIDE, user_id, conversation_id, change)


async def set_state(
    connection: Connection, user_id: UserId, conversation_id: ConversationId, state: State, change: Change
) -> None:
    await connection.execute(_SET_STATE, user_id, conversation_id, state.value, change)


async def delete_copy(
    connection: Connection, user_id: UserId, conversation_id: ConversationId, number: Number, change: Change
) -> bool:
    """False: the user has no such message."""
    return bool(await connection.fetchval(_DELETE_COPY, user_id, conversation_id, number, change))


async def erase_deleted(connection: Connection, conversation_id: ConversationId, number: Number) -> bool:
    """Empty a message that both have deleted. False: one of them still has it."""
    return bool(await connection.fetchval(_ERASE_DELETED, conversation_id, number))


async def retract(
    connection: Connection, sender_id: UserId, conversation_id: ConversationId, number: Number, within: dt.timedelta
) -> bool:
    """Empty a message for both. False: it is older, or not the sender's."""
    return bool(await connection.fetchval(_RETRACT, conversation_id, number, sender_id, within))


async def change_copy(
    connection: Connection, user_id: UserId, conversation_id: ConversationId, number: Number, change: Change
) -> None:
    await connection.execute(_CHANGE_COPY, user_id, conversation_id, number, change)


async def delete_conversation(
    connection: Connection, user_id: UserId, conversation_id: ConversationId, last: Number, change: Change
) -> Sequence[Number]:
    """Delete the messages up to `last` for the user, and for good those that the other does not have. Returns the
    numbers of the pictures among these."""
    await connection.execute(_DELETE_CONVERSATION, user_id, conversation_id, last, change)
    await connection.execute(_DELETE_COPIES, user_id, conversation_id, last)
    gone = await connection.fetch(_DELETE_UNOWNED, conversation_id, last)
    return [row["number"] for row in gone if row["picture"]]
