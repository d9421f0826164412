"""An item of a feed: a video with its owner, sound, location and hashtag beside it."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType, field

from api.wire.location import Location, location_view
from api.wire.person import User, Video
from api.wire.sound import Sound
from api.wire.values import Flag, Id
from control_plane.videos.video import Video as StoredVideo


class FeedHashtag(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    name: str = ""
    favourite: Flag = 0


class FeedItem(msgspec.Struct, frozen=True, kw_only=True):
    """`User` and `Sound` repeat those inside `Video`, because the apps read them in either place."""

    video: Video = field(name="Video")
    user: User = field(name="User")
    sound: Sound | UnsetType = field(default=UNSET, name="Sound")
    location: Location | UnsetType = field(default=UNSET, name="Location")
    hashtag: FeedHashtag | UnsetType = field(default=UNSET, name="Hashtag")


def feed_item(stored: StoredVideo, video: Video) -> FeedItem:
    """The item of this video, without a hashtag. `video`: its view."""
    return FeedItem(
        video=video,
        user=video.user,
        sound=video.sound,
        location=location_view(stored.place) if stored.place else UNSET,
    )
