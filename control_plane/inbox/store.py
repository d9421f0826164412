"""SQL of inboxes and their entries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from control_plane.base.errors import present
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.counters import value_of
from control_plane.db.pool import Database, Row
from control_plane.inbox.model import SWITCHES, Entry, EntryId, Kind, Sender, Status, Told
from control_plane.social.blocks_store import are_blocked, blocked_with

# A banned sender is locked out until the commit, a block of a receiver until the lock of the inbox is released: what
# is told at the same moment is hidden by it.
_LOCK = """
    with sender as (
        select id from app_user where id = $2 and banned_at is null and deleted_at is null for share
    )
    select user_id from inbox where user_id = any($1::integer[]) and exists (select from sender)
    order by user_id for no key update of inbox
"""
# What excludes a receiver is read once, into hashes: looked up for each receiver, a plan made while a table was small would
# scan it as often. (`is true` keeps the subquery from becoming a join.)
_TELL = f"""
    with recent as materialized (
        select receiver_id, count(*) filter (where created_at > now() - $11::interval) as entries,
            bool_or(created_at > now() - $10::interval and kind = $3 and stream_id = $4
                and video_id is not distinct from nullif($5, 0) and room_id = $6 and subject_id = $7) as told
        from inbox_entry
        where sender_id = $2 and (receiver_id in (select unnest($1::integer[]))) is true
            and created_at > now() - greatest($10::interval, $11::interval)
        group by receiver_id
    ), told as (
        select receiver.id from visible_user receiver join push_setting p on p.user_id = receiver.id
        where receiver.id = any($1::integer[]) and receiver.id <> $2
            and receiver.id not in {blocked_with("$2")}
            and case $9 when 'likes' then p.likes when 'comments' then p.comments when 'new_followers' then p.new_followers
                when 'mentions' then p.mentions when 'direct_messages' then p.direct_messages
                when 'video_updates' then p.video_updates else true end
            and receiver.id not in (select receiver_id from recent where told or entries >= $12)
    ), numbered as (
        update inbox set last_number = last_number + 1 from told where user_id = told.id returning user_id, last_number
    )
    insert into inbox_entry (receiver_id, number, sender_id, kind, stream_id, video_id, room_id, subject_id, text)
    select user_id, last_number, $2, $3, $4, nullif($5, 0), $6, $7, $8 from numbered
    returning receiver_id
"""
_LOCK_INBOXES = "select true from inbox where user_id = any($1::integer[]) order by user_id for no key update"
_TELL_OF_OWN = """
    with numbered as (
        update inbox set last_number = last_number + 1 from app_user
        where user_id = any($1::integer[]) and id = user_id and removed_at is null
        returning user_id, last_number, banned_at is not null or deleted_at is not null as hidden
    )
    insert into inbox_entry (receiver_id, number, sender_id, kind, subject_id, text, hidden)
    select user_id, last_number, user_id, $2, $3, $4, hidden from numbered
    returning receiver_id
"""
_SENT = """
    select count(*) from (
        select from inbox_entry
        where sender_id = $1 and not hidden and created_at > now() - $2::interval and kind <> 'live' limit $3) as sent
"""
_SENDER_COLUMNS = """
    username, coalesce(nullif(trim(first_name || ' ' || last_name), ''), username) as name,
    coalesce(nullif(profile_pic_small, ''), profile_pic) as picture
"""
_SENDER = f"select {_SENDER_COLUMNS} from app_user where id = $1"
_OTHERS = """
    select count(distinct sender_id) from inbox_entry
    where receiver_id = $1 and sender_id <> $2 and kind = $3 and video_id is not distinct from nullif($4, 0) and subject_id = $5
        and not read and not hidden and created_at > now() - $6::interval
"""
_ACCEPTING_MESSAGES = f"""
    select receiver.id from visible_user receiver join privacy_setting s on s.user_id = receiver.id
    where receiver.id = any($2::integer[]) and receiver.id <> $1 and not {are_blocked("receiver.id", "$1")}
        and (s.direct_message = 'everyone' or (s.direct_message = 'friends'
            and exists (select from follow where follower_id = $1 and followed_id = receiver.id)
            and exists (select from follow where follower_id = receiver.id and followed_id = $1)))
    order by receiver.id
"""
_CUT = """
    with full_one as materialized (
        select user_id, last_number from inbox where user_id = any($1::integer[]) and last_number > $2
    )
    delete from inbox_entry using full_one where receiver_id = user_id and number <= last_number - $2
"""
_COLUMNS = """
    receiver_id, number, sender_id, kind, stream_id, coalesce(video_id, 0) as video_id, room_id, subject_id, text, status,
    read, created_at
"""
_PAGE = f"""
    select {_COLUMNS} from inbox_entry where receiver_id = $1 and not hidden order by number desc limit $2 offset $3
"""
_UNREAD = f"select {value_of('user.unread', '$1::integer')}"
_STATES = f"""
    select user_id, last_number, {value_of("user.unread", "user_id")} as unread
    from inbox where user_id = any($1::integer[])
"""
_BETWEEN = f"""
    select entry.*, {_SENDER_COLUMNS}
    from unnest($1::integer[], $2::integer[], $3::integer[]) as wanted (user_id, after, last)
    cross join lateral (
        select {_COLUMNS} from inbox_entry
        where receiver_id = wanted.user_id and number > wanted.after and number <= wanted.last and not hidden
        order by number desc limit $4) as entry
    join app_user on id = sender_id
    order by receiver_id, number
"""
_LOCK_ONE = "select true from inbox where user_id = $1 for no key update"
_READ = """
    update inbox_entry set read = true where receiver_id = $1 and not read and ($2::integer is null or number = $2)
"""
_LOCK_ABOUT = """
    select user_id from inbox where user_id in (
        select receiver_id from inbox_entry where video_id = $1 and subject_id = any($2::bigint[]) and kind = any($3::text[]))
    order by user_id for no key update
"""
_DELETE_ABOUT = """
    delete from inbox_entry where video_id = $1 and subject_id = any($2::bigint[]) and kind = any($3::text[])
"""
_LOCK_VIDEO = "select true from video where id = $1 and state = 'ready' and privacy = 'public' for key share"
_DELETE_OLD = """
    delete from inbox_entry where (receiver_id, number) in (
        select receiver_id, number from inbox_entry where created_at < now() - $1::interval limit $2)
"""
_DELETE_OF_VIDEO = """
    delete from inbox_entry where (receiver_id, number) in (
        select receiver_id, number from inbox_entry where video_id = $1 and ($3::text[] is null or kind = any($3)) limit $2)
"""
_TO_HIDE = "select sender_id from inbox_hiding order by sender_id limit 1 for update"
_HIDE = "select hide_entries_of($1, $2)"
_HIDDEN = "delete from inbox_hiding where sender_id = $1"
_FORGET = """
    delete from inbox_entry where (receiver_id, number) in (
        select receiver_id, number from inbox_entry where sender_id = $1 or receiver_id = $1 limit $2)
"""
_FORGET_HIDING = "delete from inbox_hiding where sender_id = $1"
_FORGET_INBOX = "delete from inbox where user_id = $1"
_EXPORT = """
    select number as id, sender_id, kind, stream_id, video_id, text, read, created_at from inbox_entry
    where receiver_id = $1 and number < $2::bigint order by number desc limit $3
"""

FORGOTTEN_AT_ONCE = 20_000
"""Entries deleted by one statement. More: a slow disk misses the statement's deadline. Fewer: more statements."""


def _entry(row: Row) -> Entry:
    return Entry(
        row["receiver_id"],
        row["number"],
        Told(
            Kind(row["kind"]),
            row["sender_id"],
            row["stream_id"],
            row["video_id"],
            row["room_id"],
            row["subject_id"],
            row["text"],
        ),
        Status(row["status"]),
        row["read"],
        row["created_at"],
    )


def _sender(user_id: UserId, row: Row) -> Sender:
    return Sender(user_id, row["username"], row["name"], row["picture"])


async def sent_since(connection: Connection, sender_id: UserId, since: dt.timedelta, most: int) -> int:
    """The number of entries that the user caused, up to `most`. Live starts do not count."""
    sent: int = await connection.fetchval(_SENT, sender_id, since, most)
    return sent


async def lock(connection: Connection, sender_id: UserId, receiver_ids: Sequence[UserId]) -> list[UserId]:
    """The receivers who have an inbox; none if the sender is banned or deleted. Their inboxes stay locked until the
    transaction ends."""
    return [row["user_id"] for row in await connection.fetch(_LOCK, receiver_ids, sender_id)]


async def add(
    connection: Connection,
    told: Told,
    receiver_ids: Sequence[UserId],
    *,
    again_after: dt.timedelta,
    period: dt.timedelta,
    most: int,
) -> list[UserId]:
    """Write the entries of the receivers who may be told, and return these. Their inboxes are locked.

    `again_after`: an equal entry that is younger is not repeated. `period`, `most`: entries of the sender in one
    inbox."""
    rows = await connection.fetch(
        _TELL,
        receiver_ids,
        told.sender_id,
        told.kind.value,
        told.stream_id,
        told.video_id,
        told.room_id,
        told.subject_id,
        told.text,
        SWITCHES.get(told.kind, ""),
        again_after,
        period,
        most,
    )
    return [row["receiver_id"] for row in rows]


async def sender(connection: Connection, user_id: UserId) -> Sender:
    row = present(await connection.fetchrow(_SENDER, user_id), "a sender exists")
    return _sender(user_id, row)


async def others(connection: Connection, told: Told, receiver_id: UserId, within: dt.timedelta) -> int:
    """The number of other users whose unread entries say the same."""
    number: int = await connection.fetchval(
        _OTHERS, receiver_id, told.sender_id, told.kind.value, told.video_id, told.subject_id, within
    )
    return number


async def accepting_messages(connection: Connection, sender_id: UserId, receiver_ids: Sequence[UserId]) -> list[UserId]:
    """Those of the receivers who accept messages of the sender, by their privacy settings and blocks."""
    return [row["id"] for row in await connection.fetch(_ACCEPTING_MESSAGES, sender_id, receiver_ids)]


async def add_own(
    connection: Connection, kind: Kind, subject_id: int, text: str, user_ids: Sequence[UserId]
) -> list[UserId]:
    """Write an entry for each of these users, without another sender, and return them. Removed users get none."""
    await connection.execute(_LOCK_INBOXES, user_ids)
    rows = await connection.fetch(_TELL_OF_OWN, user_ids, kind.value, subject_id, text)
    return [row["receiver_id"] for row in rows]


async def cut(connection: Connection, receiver_ids: Sequence[UserId], kept: int) -> None:
    """Delete the oldest entries of these inboxes, and keep the newest."""
    await connection.execute(_CUT, receiver_ids, kept)


async def page(database: Database, user_id: UserId, limit: int, offset: int) -> list[Entry]:
    """Newest first, without hidden senders."""
    return [_entry(row) for row in await database.fetch(_PAGE, user_id, limit, offset)]


async def unread(source: Connection | Database, user_id: UserId) -> int:
    """The number of entries that are neither read nor hidden."""
    number: int = await source.fetchval(_UNREAD, user_id)
    return number


async def states(database: Database, user_ids: Sequence[UserId]) -> dict[UserId, tuple[int, EntryId]]:
    """By user: the number of unread entries, and the number of the last one."""
    rows = await database.fetch(_STATES, user_ids)
    return {row["user_id"]: (row["unread"], row["last_number"]) for row in rows}


async def entries_between(
    database: Database, wanted: Mapping[UserId, tuple[EntryId, EntryId]], most: int
) -> dict[UserId, list[tuple[Entry, Sender]]]:
    """By user: the entries after the first number up to the last one, at most the newest `most`, in their order."""
    if not wanted:
        return {}
    after, last = zip(*wanted.values(), strict=True)
    found: dict[UserId, list[tuple[Entry, Sender]]] = {}
    for row in await database.fetch(_BETWEEN, list(wanted), after, last, most):
        found.setdefault(row["receiver_id"], []).append((_entry(row), _sender(row["sender_id"], row)))
    return found


async def read(connection: Connection, user_id: UserId, entry_id: EntryId | None) -> bool:
    """Mark one entry as read, or all of the user. False: all of them were read already."""
    await connection.execute(_LOCK_ONE, user_id)
    return (await connection.execute(_READ, user_id, entry_id)) != "UPDATE 0"


async def delete_about(
    connection: Connection, kinds: Sequence[Kind], video_id: int, subject_ids: Sequence[int]
) -> list[UserId]:
    """Delete all entries of these kinds about these things of a video. Returns the receivers."""
    about = (video_id, subject_ids, [kind.value for kind in kinds])
    receivers = [row["user_id"] for row in await connection.fetch(_LOCK_ABOUT, *about)]
    if receivers:
        await connection.execute(_DELETE_ABOUT, *about)
    return receivers


async def lock_video(connection: Connection, video_id: int) -> bool:
    """The video is not deleted until the transaction ends. False: it is deleted, or not public."""
    return await connection.fetchval(_LOCK_VIDEO, video_id) is not None


async def delete_old(database: Database, kept: dt.timedelta, most: int) -> int:
    """Delete at most `most` entries that are older. Returns their number."""
    return int((await database.execute(_DELETE_OLD, kept, most)).split()[-1])


async def delete_of_video(database: Database, video_id: int, most: int, kinds: Sequence[str] | None = None) -> int:
    """Delete at most `most` entries about this video, of these kinds or of all. Returns their number."""
    return int((await database.execute(_DELETE_OF_VIDEO, video_id, most, kinds)).split()[-1])


async def hide_more(connection: Connection, most: int) -> bool:
    """Hide or show more entries of a user who was banned, deleted, or brought back. False: there are none left."""
    sender_id = await connection.fetchval(_TO_HIDE)
    if sender_id is None:
        return False
    if await connection.fetchval(_HIDE, sender_id, most) < most:
        await connection.execute(_HIDDEN, sender_id)
    return True


async def forget_person(connection: Connection, user_id: UserId) -> None:
    while await connection.execute(_FORGET, user_id, FORGOTTEN_AT_ONCE) != "DELETE 0":
        pass
    await connection.execute(_FORGET_HIDING, user_id)
    await connection.execute(_FORGET_INBOX, user_id)


async def exported_entries(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    return await database.fetch(_EXPORT, user_id, before, limit)
