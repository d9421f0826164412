"""Reactions to videos: likes, favourites and reposts are toggles, shares are counted, and a video that a user is not
interested in leaves the feeds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.inbox.model import Kind, Told
from control_plane.inbox.telling import tell
from control_plane.jobs.kind import job
from control_plane.social.toggles import Switch, Toggle, Toggles
from control_plane.videos.reactions import store
from control_plane.videos.reactions.store import Mark, Reaction
from control_plane.videos.video import VideoId, VideoNotFound

MOST_PASSED_OVER = 1_000
"""Videos that a user is not interested in; the oldest are forgotten. More: each page of a feed reads more rows. Fewer: such
a video comes back sooner."""


@dataclass(frozen=True, slots=True)
class Reacted:
    """A reaction after a call."""

    on: bool
    count: int
    """Of all users."""
    mark: Mark | None
    """The row that was added, was removed, or is there. None: it was off before."""


class Reactions:
    def __init__(self, database: Database, toggles: Toggles) -> None:
        self._database = database
        self._toggles = toggles

    async def toggle(
        self,
        reaction: Reaction,
        video_id: VideoId,
        user_id: UserId,
        arrived: float,
        wanted: bool | None = None,
        comment: str = "",
    ) -> Reacted:
        """Turn a reaction on or off. `wanted`: the state to set. `comment`: of a repost. Raises VideoNotFound."""
        toggle = Toggle(what=reaction, user_id=user_id, target_id=video_id, wanted=wanted, arrived=arrived)
        return await self._toggles.run(toggle, partial(_change, reaction, video_id, user_id, comment))

    async def share(self, video_id: VideoId, user_id: UserId) -> None:
        """Count a share: one of a user and video a day."""
        await store.share(self._database, video_id, user_id)

    async def pass_over(self, video_id: VideoId, user_id: UserId) -> None:
        """The user is not interested in the video: it leaves the user's feeds."""
        async with self._database.transaction() as connection:
            await store.pass_over(connection, video_id, user_id, MOST_PASSED_OVER)


async def _change(
    reaction: Reaction, video_id: VideoId, user_id: UserId, comment: str, connection: Connection, switch: Switch
) -> Reacted:
    found = await store.standing(connection, reaction, video_id, user_id)
    if found is None:
        raise VideoNotFound
    stands = found.mark is not None
    if switch(stands) == stands:
        return Reacted(stands, found.count, found.mark)
    if stands:
        await store.remove(connection, reaction, video_id, user_id)
        return Reacted(False, found.count - 1, found.mark)
    mark = await store.add(connection, reaction, video_id, user_id, comment)
    if reaction is Reaction.LIKE and user_id != found.owner_id:
        await tell_like.enqueue(connection, video_id=video_id, user_id=user_id)
    return Reacted(True, found.count + 1, mark)


@job(at_once=2)
async def tell_like(database: Database, video_id: int, user_id: int) -> None:
    """Tell the owner of a video of a like. Not in the transaction of the like: all who like one video would wait there for
    its owner's inbox, each with a connection of the pool."""
    async with database.transaction() as connection:
        owner_id = await store.liked_owner(connection, VideoId(video_id), UserId(user_id))
        if owner_id is not None:
            await tell(connection, Told(Kind.VIDEO_LIKE, UserId(user_id), video_id=video_id), [owner_id])
