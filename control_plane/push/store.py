"""SQL of push messages: the outbox, and the browsers that are pushed to."""

from __future__ import annotations

import json
from collections.abc import Sequence

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.push.model import Push

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


async def add(connection: Connection, push: Push, user_ids: Sequence[UserId]) -> int:
    """The number of devices and browsers that it waits for."""
    params = json.dumps(dict(push.params), ensure_ascii=False)
    is_bulk = len(user_ids) > BULK
    added: int = await connection.fetchval(_ADD, push.kind, params, push.switch, push.collapse, list(user_ids), is_bulk)
    return added
