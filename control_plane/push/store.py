"""SQL of push messages: the outbox, and the browsers that are pushed to."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Mapping, Sequence

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.counters import value_of
from control_plane.db.pool import Database
from control_plane.push.model import Push, ServiceName, Waiting
from control_plane.social.blocks_store import are_blocked

BULK = 100
"""A message with more receivers waits until all others are sent. Larger: a message to a single user waits for longer."""

_ADD = """
    with target as (
        select user_id, id as device_id, null::integer as subscription_id from device
        where user_id = any($5::integer[]) and token is not null and exists (select from push_service where name = 'fcm')
        union all
        select user_id, null, id from web_push_subscription
        where user_id = any($5) and exists (select from push_service where name = 'web')
    ), message as (
        insert into push_message (kind, params, switch, collapse)
        select $1, $2::text::jsonb, $3, $4 where exists (select from target)
        returning id
    ), added as (
        insert into push_outbox (message_id, user_id, device_id, subscription_id, bulk)
        select message.id, user_id, device_id, subscription_id, $6 from target cross join message
        returning true
    )
    select count(*) from added
"""

_RECEIVER = {ServiceName.FCM: "device_id", ServiceName.WEB: "subscription_id"}
_ADDRESSES = {
    ServiceName.FCM: """
        lateral (select token as address, language, '' as public_key, '' as auth from device
            where id = picked.device_id and user_id = picked.user_id)
    """,
    ServiceName.WEB: """
        lateral (select endpoint as address, language, public_key, auth from web_push_subscription
            where id = picked.subscription_id and user_id = picked.user_id)
    """,
}
_SENDER = "(message.params ->> 'sender_id')::integer"
# A message may wait for minutes: its sender may have been banned or deleted, or one of the two may have blocked the other.
_IS_WANTED = f"""
    visible_user.id is not null and not {are_blocked("picked.user_id", _SENDER)}
    and not exists (select from app_user where id = {_SENDER} and (banned_at is not null or deleted_at is not null))
"""
# A row is not due again before the lease ends, so that no other worker sends it; if the worker is killed, the next one does.
_PICK = {
    name: f"""
        with picked as (
            update push_outbox set due_at = now() + $2::interval, attempts = attempts + 1
            where id = any(array(
                select id from push_outbox where {_RECEIVER[name]} is not null and due_at <= now()
                order by bulk, due_at limit $1 for update skip locked))
            returning *
        )
        select picked.id, message_id, picked.user_id, attempts, kind, params::text as params, collapse, message.created_at,
            coalesce((to_jsonb(push_setting) ->> message.switch)::boolean, true) as alerts,
            coalesce(receiver.address, '') as address, coalesce(receiver.language, '') as language,
            coalesce(receiver.public_key, '') as public_key, coalesce(receiver.auth, '') as auth,
            {value_of("user.unread", "picked.user_id")} as unread
        from picked join push_message message on message.id = message_id
        left join visible_user on visible_user.id = picked.user_id
        left join push_setting on push_setting.user_id = picked.user_id
        left join {_ADDRESSES[name]} receiver on {_IS_WANTED}
        order by bulk, picked.id
    """
    for name in ServiceName
}
_DONE = "delete from push_outbox where id = any($1::bigint[])"
_RETRY = """
    update push_outbox set due_at = now() + make_interval(secs => delay_s)
    from unnest($1::bigint[], $2::float8[]) as retried (id, delay_s) where push_outbox.id = retried.id
"""
_NEXT = {
    name: f"""
        select least(
            (select min(due_at) from push_outbox where {_RECEIVER[name]} is not null and not bulk),
            (select min(due_at) from push_outbox where {_RECEIVER[name]} is not null and bulk)) - now()
    """
    for name in ServiceName
}
_DELETE_DONE = """
    delete from push_message where (select message_id from push_outbox where message_id = push_message.id limit 1) is null
"""
_WITHDRAW = """
    delete from push_outbox using push_message message
    where message_id = message.id and user_id = $3 and kind = $1 and (params ->> 'sender_id')::integer = $2
        and message.created_at = $4
"""
_FORGET_SERVICES = "delete from push_service where name <> all($1::text[])"
_ADD_SERVICES = "insert into push_service (name) select unnest($1::text[]) on conflict do nothing"
_DROP_OF_OTHERS = {name: f"delete from push_outbox where {_RECEIVER[name]} is not null" for name in ServiceName}


async def add(connection: Connection, push: Push, user_ids: Sequence[UserId]) -> int:
    """The number of devices and browsers that it waits for."""
    params = json.dumps(dict(push.params), ensure_ascii=False)
    is_bulk = len(user_ids) > BULK
    added: int = await connection.fetchval(_ADD, push.kind, params, push.switch, push.collapse, list(user_ids), is_bulk)
    return added


async def withdraw(
    connection: Connection, kind: str, sender_id: UserId, user_id: UserId, caused_at: dt.datetime
) -> None:
    """`caused_at`: `now()` of the transaction that enqueued it."""
    await connection.execute(_WITHDRAW, kind, sender_id, user_id, caused_at)


async def set_services(database: Database, names: Collection[ServiceName]) -> None:
    """What this server is set up to send with. What waits for another service is dropped."""
    async with database.transaction() as connection:
        await connection.execute(_FORGET_SERVICES, list(names))
        await connection.execute(_ADD_SERVICES, list(names))
        for name in ServiceName:
            if name not in names:
                await connection.execute(_DROP_OF_OTHERS[name])
        await connection.execute(_DELETE_DONE)


async def pick(database: Database, service: ServiceName, limit: int, lease: dt.timedelta) -> list[Waiting]:
    """Messages that are due, those to few receivers first. They are due again when the lease ends."""
    rows = await database.fetch(_PICK[service], limit, lease)
    return [Waiting(**{**row, "params": json.loads(row["params"])}) for row in rows]


async def finish(connection: Connection, done: Sequence[int], retried: Mapping[int, float]) -> None:
    """`retried`: ids, and the seconds after which they are due."""
    await connection.execute(_DONE, done)
    if retried:
        await connection.execute(_RETRY, list(retried), list(retried.values()))


async def next_due(database: Database, service: ServiceName) -> dt.timedelta | None:
    """When the next message of this service is due, from now. None: no message waits."""
    due: dt.timedelta | None = await database.fetchval(_NEXT[service])
    return due


async def delete_done(database: Database) -> None:
    """Delete the texts that no receiver waits for."""
    await database.execute(_DELETE_DONE)
