"""An item of a feed: a video with its owner, sound, location and hashtag beside it."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType, field

from api.wire.location import Location
from api.wire.person import User, Video
from api.wire.sound import Sound
from api.wire.values import Flag, Id


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


def feed_item(video: Video) -> FeedItem:
    """The item of this video, without a location and a hashtag."""
    return FeedItem(video=video, user=video.user, sound=video.sound)
