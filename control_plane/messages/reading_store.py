"""SQL that reads conversations and their messages, as one of the two has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.counters import value_of
from control_plane.db.pool import Database, Row
from control_plane.messages.model import Change, Conversation, ConversationId, Kind, Message, Number, State
from control_plane.storage.model import FileName
from control_plane.streams import store as streams
from control_plane.videos.sight import sees

_READER = "copy.user_id"
_MESSAGE = f"""
    m.conversation_id, m.number, copy.change, copy.user_id, m.sender_id, side.other_id, m.kind, m.sent_at, copy.deleted,
    m.retracted_at is not null as retracted,
    case when copy.deleted then '' else m.text end as text,
    case when copy.deleted then '' else m.picture end as picture, picture.salt as picture_salt,
    case when copy.deleted then '' else m.picture_small end as picture_small, small.salt as picture_small_salt,
    case when copy.deleted then 0
        else coalesce((select v.id from video v where v.id = m.video_id and {sees("v", _READER)}), 0) end as video_id,
    case when copy.deleted then 0
        else coalesce((select s.id from stream s where s.id = m.stream_id and {streams.sees("s", _READER)}), 0) end
        as stream_id,
    case when m.sender_id = copy.user_id then coalesce(m.client_ref, '') else '' end as client_ref
"""
_OF_COPIES = """
    join message m on m.conversation_id = copy.conversation_id and m.number = copy.number
    join conversation_side side on side.user_id = copy.user_id and side.conversation_id = copy.conversation_id
    left join stored_file picture on picture.name = nullif(m.picture, '')
    left join stored_file small on small.name = nullif(m.picture_small, '')
"""
_ONE = f"""
    select {_MESSAGE} from message_copy copy {_OF_COPIES}
    where copy.user_id = $1 and copy.conversation_id = $2 and copy.number = $3
"""
_BEFORE = f"""
    select {_MESSAGE} from (
        select copy.* from message_copy copy
        join conversation_side own on own.user_id = $1 and own.other_id = $2 and own.conversation_id = copy.conversation_id
        where copy.user_id = $1 and not own.hidden and not copy.deleted and copy.number > own.deleted_number
            and ($3::integer = 0 or copy.number < $3)
        order by copy.number desc limit $4) as copy
    {_OF_COPIES} order by m.number desc
"""
_AFTER = f"""
    select {_MESSAGE} from (
        select copy.* from message_copy copy
        join conversation_side own on own.user_id = $1 and own.other_id = $2 and own.conversation_id = copy.conversation_id
        where copy.user_id = $1 and not own.hidden and not copy.deleted and copy.number > own.deleted_number
            and copy.number > $3
        order by copy.number limit $4) as copy
    {_OF_COPIES} order by m.number
"""
_LAST = f"""
    select {_MESSAGE} from unnest($2::integer[]) as listed (id)
    cross join lateral (
        select copy.* from message_copy copy join conversation_side own using (user_id, conversation_id)
        where copy.user_id = $1 and copy.conversation_id = listed.id and not copy.deleted and copy.number > own.deleted_number
        order by copy.number desc limit 1) as copy
    {_OF_COPIES}
"""
_CONVERSATION = """
    side.user_id, side.conversation_id, side.change, side.other_id, side.state, side.read_number, side.deleted_number,
    side.unread, side.hidden,
    coalesce((select number from message_copy where user_id = side.user_id and conversation_id = side.conversation_id
        order by number desc limit 1), 0) as last_number,
    coalesce((select read_number from conversation_side where user_id = side.other_id and other_id = side.user_id
        and state = 'open'), 0) as other_read_number
"""
_CONVERSATIONS = f"""
    select {_CONVERSATION} from conversation_side side
    where user_id = $1 and state = $2 and not hidden and message_change > 0
    order by message_change desc limit $3 offset $4
"""
_CONVERSATION_WITH = f"select {_CONVERSATION} from conversation_side side where user_id = $1 and other_id = $2"
_UNREAD = f"""
    select {value_of("user.unread_messages", "$1::integer")} as unread,
        {value_of("user.message_requests", "$1::integer")} as requests
"""
_STATES = f"""
    select user_id, last_change, {value_of("user.unread_messages", "user_id")} as unread,
        {value_of("user.message_requests", "user_id")} as requests
    from mailbox where user_id = any($1::integer[])
"""
_CHANGED_MESSAGES = f"""
    select {_MESSAGE} from unnest($1::integer[], $2::integer[], $3::integer[]) as wanted (user_id, after, last)
    cross join lateral (
        select copy.* from message_copy copy join conversation_side own using (user_id, conversation_id)
        where copy.user_id = wanted.user_id and copy.change > wanted.after and copy.change <= wanted.last and not own.hidden
        order by copy.change limit $4) as copy
    {_OF_COPIES} order by copy.user_id, copy.change
"""
_CHANGED_CONVERSATIONS = f"""
    select {_CONVERSATION} from unnest($1::integer[], $2::integer[], $3::integer[]) as wanted (user_id, after, last)
    cross join lateral (
        select * from conversation_side one
        where one.user_id = wanted.user_id and one.change > wanted.after and one.change <= wanted.last
        order by one.change limit $4) as side
    order by side.user_id, side.change
"""
_EVIDENCE = """
    select m.sender_id, m.kind, m.text, m.picture, m.video_id, m.stream_id, m.sent_at, m.retracted_at
    from message m where conversation_id = $1 and number = $2
"""


class Mailbox(NamedTuple):
    last_change: Change
    unread: int
    requests: int


def _message(row: Row) -> Message:
    own = row["sender_id"] == row["user_id"]
    return Message(
        conversation_id=row["conversation_id"],
        number=row["number"],
        change=row["change"],
        sender_id=row["sender_id"],
        receiver_id=row["other_id"] if own else row["user_id"],
        kind=Kind(row["kind"]),
        text=row["text"],
        picture=FileName(row["picture"]),
        picture_salt=row["picture_salt"] or b"",
        picture_small=FileName(row["picture_small"]),
        picture_small_salt=row["picture_small_salt"] or b"",
        video_id=row["video_id"],
        stream_id=row["stream_id"],
        client_ref=row["client_ref"],
        sent_at=row["sent_at"],
        retracted=row["retracted"],
        deleted=row["deleted"],
    )


def _conversation(row: Row) -> Conversation:
    return Conversation(
        id=row["conversation_id"],
        change=row["change"],
        other_id=row["other_id"],
        state=State(row["state"]),
        last_number=row["last_number"],
        read_number=row["read_number"],
        other_read_number=row["other_read_number"],
        deleted_number=row["deleted_number"],
        unread=row["unread"],
        hidden=row["hidden"],
    )


async def one(
    source: Connection | Database, user_id: UserId, conversation_id: ConversationId, number: Number
) -> Message | None:
    row = await source.fetchrow(_ONE, user_id, conversation_id, number)
    return None if row is None else _message(row)


async def before(
    database: Database, user_id: UserId, other_id: UserId, number: Number, limit: int
) -> Sequence[Message]:
    """Newest first. `number` 0: from the newest message on."""
    return [_message(row) for row in await database.fetch(_BEFORE, user_id, other_id, number, limit)]


async def after(database: Database, user_id: UserId, other_id: UserId, number: Number, limit: int) -> Sequence[Message]:
    """Oldest first."""
    return [_message(row) for row in await database.fetch(_AFTER, user_id, other_id, number, limit)]


async def last_of(
    database: Database, user_id: UserId, conversation_ids: Sequence[ConversationId]
) -> dict[ConversationId, Message]:
    rows = await database.fetch(_LAST, user_id, conversation_ids)
    return {row["conversation_id"]: _message(row) for row in rows}


async def conversations(
    database: Database, user_id: UserId, state: State, limit: int, offset: int
) -> Sequence[Conversation]:
    """Newest message first, without hidden and deleted ones."""
    return [_conversation(row) for row in await database.fetch(_CONVERSATIONS, user_id, state.value, limit, offset)]


async def conversation_with(source: Connection | Database, user_id: UserId, other_id: UserId) -> Conversation | None:
    row = await source.fetchrow(_CONVERSATION_WITH, user_id, other_id)
    return None if row is None else _conversation(row)


async def unread(database: Database, user_id: UserId) -> tuple[int, int]:
    """Unread messages of open conversations, and requests that wait."""
    row = await database.fetchrow(_UNREAD, user_id)
    assert row is not None, "the statement has one row"
    return row["unread"], row["requests"]


async def mailboxes(database: Database, user_ids: Sequence[UserId]) -> dict[UserId, Mailbox]:
    rows = await database.fetch(_STATES, user_ids)
    return {row["user_id"]: Mailbox(row["last_change"], row["unread"], row["requests"]) for row in rows}


async def changed_messages(
    database: Database, wanted: Mapping[UserId, tuple[Change, Change]], most: int
) -> dict[UserId, list[Message]]:
    """By user: the messages with changes after the first number up to the last one, at most the first `most` of them."""
    found: dict[UserId, list[Message]] = {}
    for row in await database.fetch(_CHANGED_MESSAGES, *_columns(wanted), most):
        found.setdefault(row["user_id"], []).append(_message(row))
    return found


async def changed_conversations(
    database: Database, wanted: Mapping[UserId, tuple[Change, Change]], most: int
) -> dict[UserId, list[Conversation]]:
    """Like `changed_messages`."""
    found: dict[UserId, list[Conversation]] = {}
    for row in await database.fetch(_CHANGED_CONVERSATIONS, *_columns(wanted), most):
        found.setdefault(row["user_id"], []).append(_conversation(row))
    return found


def _columns(wanted: Mapping[UserId, tuple[Change, Change]]) -> tuple[Any, Any, Any]:
    return list(wanted), [first for first, _ in wanted.values()], [last for _, last in wanted.values()]


async def evidence(database: Database, conversation_id: ConversationId, number: Number) -> Row | None:
    return await database.fetchrow(_EVIDENCE, conversation_id, number)
