"""Lists of videos in pages: feeds, a user's videos, what a user liked, reposted or saved, and stories."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Hashable, Sequence

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.social.follows import AccountPrivate
from control_plane.social.model import Seen, Viewer
from control_plane.social.people import person
from control_plane.social.sight import Sight, sight
from control_plane.videos import lists_store as store
from control_plane.videos.lists_store import Keyed
from control_plane.videos.pages import Asked, PageKeys, Start
from control_plane.videos.video import Video

CELL, COLUMNS = 0.25, 1440
"""The cells of the column `video.place_cell`: degrees, and how many there are around the earth."""
NEAR_CELLS = 2
"""Cells to the north and to the south of the own one that are nearby: 55 to 83 km. More: more of them are read for a page.
Fewer: fewer videos."""
MOST_COLUMNS = 12
"""Cells to the east and to the west. Near the poles they are narrow; past 80 degrees, less than 55 km are nearby."""


class LikesPrivate(ControlPlaneError):
    code = "likes_private"
    kind = ErrorKind.FORBIDDEN

    def __init__(self) -> None:
        super().__init__("This user does not show liked videos to others.")


class FavouritesPrivate(ControlPlaneError):
    code = "favourites_private"
    kind = ErrorKind.FORBIDDEN

    def __init__(self) -> None:
        super().__init__("Saved videos are shown only to the user who saved them.")


class NothingFollowed(ControlPlaneError):
    """The first page of the videos of followed users is empty: apps suggest users then."""

    code = "nothing_followed"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("Follow people to see their videos here.")


class VideoLists:
    """Each list is read in one statement, from the key where the reader's last page ended."""

    def __init__(self, database: Database, keys: PageKeys) -> None:
        self._database = database
        self._keys = keys

    async def related(self, viewer_id: Viewer, asked: Asked) -> list[Video]:
        """The home feed: public videos, the newest first."""
        return await self._page(
            ("related",), asked, lambda at: store.related(self._database, viewer_id, asked.size, at)
        )

    async def following(self, viewer_id: Viewer, asked: Asked) -> list[Video]:
        """Videos of the users whom the viewer follows, the newest first. Raises NothingFollowed."""
        videos = await self._page(
            ("following",), asked, lambda at: store.following(self._database, viewer_id, asked.size, at)
        )
        if not videos and not asked.number:
            raise NothingFollowed
        return videos

    async def nearby(self, viewer_id: Viewer, asked: Asked, latitude: float, longitude: float) -> list[Video]:
        """Public videos of the surroundings, the newest first."""
        cells = cells_near(latitude, longitude)
        return await self._page(
            ("nearby",), asked, lambda at: store.nearby(self._database, viewer_id, asked.size, at, cells)
        )

    async def at_location(
        self, viewer_id: Viewer, asked: Asked, location_id: int | None, address: str | None
    ) -> list[Video]:
        """Public videos of a location, the newest first."""
        return await self._page(
            ("location", location_id, address),
            asked,
            lambda at: store.at_location(self._database, viewer_id, asked.size, at, location_id, address),
        )

    async def of_user(self, viewer_id: Viewer, asked: Asked, user_id: UserId) -> list[Video]:
        """The user's videos that the viewer sees, pinned ones first. Of the own ones only the public ones."""
        return await self._page(
            ("of", user_id), asked, lambda at: store.of_user(self._database, viewer_id, asked.size, at, user_id)
        )

    async def private_of(self, asked: Asked, user_id: UserId) -> list[Video]:
        """The user's own videos that are not public."""
        return await self._page(
            ("private",), asked, lambda at: store.private_of(self._database, user_id, asked.size, at)
        )

    async def liked(self, viewer_id: Viewer, asked: Asked, user_id: UserId) -> list[Video]:
        """What the user liked, the newest like first. Raises UserNotFound, AccountPrivate and LikesPrivate."""
        seen = await self._shown(viewer_id, user_id)
        if not seen.own and seen.user.privacy.liked_videos != "everyone":
            raise LikesPrivate
        return await self._page(
            ("liked", user_id), asked, lambda at: store.liked(self._database, viewer_id, asked.size, at, user_id)
        )

    async def reposted(self, viewer_id: Viewer, asked: Asked, user_id: UserId) -> list[Video]:
        """What the user reposted, the newest repost first. Raises UserNotFound and AccountPrivate."""
        await self._shown(viewer_id, user_id)
        return await self._page(
            ("reposted", user_id), asked, lambda at: store.reposted(self._database, viewer_id, asked.size, at, user_id)
        )

    async def favourites(self, asked: Asked, user_id: UserId) -> list[Video]:
        """What the user saved, the newest first."""
        return await self._page(
            ("favourites",), asked, lambda at: store.favourites(self._database, user_id, asked.size, at)
        )

    async def friends_stories(self, asked: Asked, user_id: UserId) -> list[Video]:
        """Stories of a page of friends: the oldest first, those of one friend together."""
        return await self._page(
            ("stories",), asked, lambda at: store.friends_stories(self._database, user_id, asked.size, at)
        )

    async def stories_of(self, viewer_id: Viewer, user_id: UserId) -> list[Video]:
        """The stories of a user that the viewer sees, the oldest first."""
        return await store.stories_of(self._database, viewer_id, user_id)

    async def _page(
        self, list_: Hashable, asked: Asked, read: Callable[[Start], Awaitable[Sequence[Keyed]]]
    ) -> list[Video]:
        start = self._keys.start(list_, asked)
        if start is None:
            return []
        rows = await read(start)
        self._keys.ended(list_, asked, start, rows[-1].key if rows else None)
        return [row.video for row in rows]

    async def _shown(self, viewer_id: Viewer, user_id: UserId) -> Seen:
        """Raises UserNotFound and AccountPrivate."""
        seen = await person(self._database, viewer_id, user_id, Sight.PROFILE)
        if sight(seen) < Sight.CONTENT:
            raise AccountPrivate
        return seen


def cells_near(latitude: float, longitude: float) -> list[int]:
    """The own cell and those around it, as `video.place_cell` numbers them."""
    row, column = math.floor((latitude + 90) / CELL), math.floor((longitude + 180) / CELL)
    width = min(MOST_COLUMNS, math.ceil(NEAR_CELLS / max(math.cos(math.radians(latitude)), 0.01)))
    rows = range(row - NEAR_CELLS, row + NEAR_CELLS + 1)
    return [each * COLUMNS + (column + more) % COLUMNS for each in rows for more in range(-width, width + 1)]
