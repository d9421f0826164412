"""SQL of conversations and their messages. What changes a conversation locks the mailboxes of both first."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.counters import value_of
from control_plane.db.pool import Database, Row
from control_plane.messages.model import Change, Content, Conversation, ConversationId, Kind, Message, Number, State
from control_plane.storage.model import FileName
from control_plane.streams import store as streams
from control_plane.videos import store as videos

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
_READER = "copy.user_id"
_MESSAGE = f"""
    m.conversation_id, m.number, copy.change, copy.user_id, m.sender_id, side.other_id, m.kind, m.sent_at, copy.deleted,
    m.retracted_at is not null as retracted,
    case when copy.deleted then '' else m.text end as text,
    case when copy.deleted then '' else m.picture end as picture, picture.salt as picture_salt,
    case when copy.deleted then '' else m.picture_small end as picture_small, small.salt as picture_small_salt,
    case when copy.deleted then 0
        else coalesce((select v.id from video v where v.id = m.video_id and {videos.sees("v", _READER)}), 0) end as video_id,
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
_EVIDENCE = """
    select m.sender_id, m.kind, m.text, m.picture, m.video_id, m.stream_id, m.sent_at, m.retracted_at
    from message m where conversation_id = $1 and number = $2
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


async def evidence(database: Database, conversation_id: ConversationId, number: Number) -> Row | None:
    return await database.fetchrow(_EVIDENCE, conversation_id, number)
