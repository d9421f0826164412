"""SQL of live delivery: access, snapshots and figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from control_plane.base.ids import StreamId
from control_plane.db.connections import Connection
from control_plane.live.audience import Audience
from control_plane.live.figures import Gifter
from control_plane.live.snapshot import REPLAY_LIMIT, REPLAY_LIMIT_BYTES, Resume, Snapshot, recovers
from control_plane.social.blocks_store import are_blocked
from control_plane.streams.model import Status

_AUDIENCES = """
    select stream.id, user_id, visibility = 'public' as public
    from stream join visible_user on visible_user.id = user_id where stream.id = any($1)
"""
_TOP_GIFTERS = f"""
    select stream_id, json_agg(json_build_object('user_id', user_id, 'username', username, 'coins', coins)
                               order by coins desc, user_id)::text as top_gifters
    from unnest($1::int[]) as wanted (stream_id)
    cross join lateral (
        select user_id, coins from stream_gifter
        where stream_id = wanted.stream_id and (select true from visible_user where id = user_id)
            and not {are_blocked("(select user_id from stream where id = wanted.stream_id)", "user_id")}
        order by coins desc, user_id limit 10
    ) as top
    join app_user on app_user.id = top.user_id
    group by stream_id
"""
_SNAPSHOT = f"""
    with top as ({_TOP_GIFTERS})
    select stream.user_id, path, status, title, live_at, likes, coins, top_gifters, epoch, last_seq, closed,
        (select array_agg(frame order by seq) from stream_event as event
         where event.stream_id = stream.id and seq > $2 and seq <= last_seq
             and last_seq - $2 <= {REPLAY_LIMIT} and coalesce($3, case $2::bigint when 0 then epoch end) = epoch
         having sum(octet_length(frame)) <= {REPLAY_LIMIT_BYTES}) as replay
    from stream join stream_log on stream_log.stream_id = stream.id left join top on top.stream_id = stream.id
    where stream.id = $4
"""
_TOTALS = f"""
    with top as ({_TOP_GIFTERS})
    select id, likes, coins, top_gifters from stream left join top on top.stream_id = stream.id where id = any($1)
"""
_top_gifters = msgspec.json.Decoder(list[Gifter])


class Totals(NamedTuple):
    likes: int
    coins: int
    top_gifters: list[Gifter]


async def audiences(connection: Connection, stream_ids: Sequence[StreamId]) -> dict[StreamId, Audience]:
    """Access data of the streams that exist. One whose host is banned or deleted does not."""
    rows = await connection.fetch(_AUDIENCES, stream_ids)
    return {row["id"]: Audience(row["user_id"], row["public"]) for row in rows}


async def snapshot(connection: Connection, stream_id: StreamId, resume: Resume | None) -> Snapshot | None:
    """Read stream, log and replay in one statement, so that they are of the same moment. None for an unknown stream."""
    after, epoch = (None, None) if resume is None else (resume.after, resume.epoch)
    row = await connection.fetchrow(_SNAPSHOT, [stream_id], after, epoch, stream_id)
    if row is None:
        return None
    replay = row["replay"] or []
    recovered = recovers(resume, row["epoch"], row["last_seq"], len(replay))
    return Snapshot(
        stream_id=stream_id,
        user_id=row["user_id"],
        path=row["path"],
        status=Status(row["status"]),
        title=row["title"],
        live_at=row["live_at"],
        likes=row["likes"],
        coins=row["coins"],
        top_gifters=_top_gifters.decode(row["top_gifters"] or "[]"),
        epoch=row["epoch"],
        last_seq=row["last_seq"],
        closed=row["closed"],
        recovered=recovered,
        replay=replay if recovered else [],
    )


async def totals(connection: Connection, stream_ids: Sequence[StreamId]) -> dict[StreamId, Totals]:
    return {
        row["id"]: Totals(
            likes=row["likes"], coins=row["coins"], top_gifters=_top_gifters.decode(row["top_gifters"] or "[]")
        )
        for row in await connection.fetch(_TOTALS, stream_ids)
    }
