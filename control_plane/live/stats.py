"""Stats frames: the current figures of streams for their viewers, at most one frame per period however many events
there are."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.accounts.store import usernames
from control_plane.db.pool import Database
from control_plane.live import store
from control_plane.live.channel import Channel
from control_plane.live.figures import Newcomer, Stats


async def restate(database: Database, channels: Sequence[Channel]) -> None:
    """Read the figures of all these streams at once, and set each channel's stats frame. Raises DatabaseUnavailable;
    the stats are then still due."""
    joined = {channel: channel.joined.copy() for channel in channels}
    for channel in channels:
        channel.stats_due = False
    try:
        async with database.connection() as connection:
            totals = await store.totals(connection, [channel.stream_id for channel in channels])
            people = {user_id for user_ids in joined.values() for user_id in user_ids}
            names = await usernames(connection, sorted(people)) if people else {}
    except BaseException:
        for channel in channels:
            channel.stats_due = True
        raise
    for channel, user_ids in joined.items():
        if stream := totals.get(channel.stream_id):
            newcomers = [Newcomer(user_id, names[user_id]) for user_id in sorted(user_ids) if user_id in names]
            channel.tell(Stats(viewers=channel.viewers, **stream._asdict(), joined=newcomers))
            channel.joined -= user_ids
