"""Lists of one user: the own videos, what the user liked, reposted or saved."""

from __future__ import annotations

import msgspec

from api.contract.call import Call
from api.contract.endpoint import Access, IosRefusal, Section
from api.contract.paging import LONG_PAGE_SIZE
from api.sections.videos.asking import OfUser, asked, wanted_user
from api.sections.videos.items import feed_items
from api.wire.feed import FeedItem
from control_plane.accounts.user import UserNotFound
from control_plane.social.follows import AccountPrivate
from control_plane.videos.lists import FavouritesPrivate, LikesPrivate

section = Section("feed")


class VideosOfUser(msgspec.Struct, frozen=True, kw_only=True):
    public: list[FeedItem] = []
    """Those that the caller sees, pinned ones first. Of the own ones only the public ones."""
    private: list[FeedItem] = []
    """The caller's own ones that are not public."""


@section.endpoint(
    "showVideosAgainstUserID",
    access=Access.GUEST,
    refusals=(UserNotFound,),
    ios_refusal=IosRefusal({"public": [], "private": []}),
)
async def show_videos_against_user_id(call: Call, body: OfUser) -> VideosOfUser:
    """A page of a user's videos, 20 of each list. Of a user whose videos the caller may not see, both are empty. The own
    ones include uploads that are being processed."""
    user_id, page = wanted_user(call, body), asked(call, body.starting_point, size=LONG_PAGE_SIZE)
    public = await call.videos.lists.of_user(call.viewer_id, page, user_id)
    private = await call.videos.lists.private_of(page, user_id) if call.viewer_id == user_id else []
    items = await feed_items(call, [*public, *private])
    ids = {video.id for video in private}
    return VideosOfUser(
        public=[item for item in items if item.video.id not in ids],
        private=[item for item in items if item.video.id in ids],
    )


@section.endpoint("showUserLikedVideos", access=Access.GUEST, refusals=(AccountPrivate, LikesPrivate, UserNotFound))
async def show_user_liked_videos(call: Call, body: OfUser) -> list[FeedItem]:
    """A page of the videos that a user likes, the newest like first. The user may show them to nobody else (privacy setting
    `liked_videos`)."""
    user_id, page = wanted_user(call, body), asked(call, body.starting_point)
    return await feed_items(call, await call.videos.lists.liked(call.viewer_id, page, user_id))


@section.endpoint("showUserRepostedVideos", access=Access.GUEST, refusals=(AccountPrivate, UserNotFound))
async def show_user_reposted_videos(call: Call, body: OfUser) -> list[FeedItem]:
    """A page of the videos that a user reposted, the newest repost first."""
    user_id, page = wanted_user(call, body), asked(call, body.starting_point)
    items = await feed_items(call, await call.videos.lists.reposted(call.viewer_id, page, user_id))
    return [_reposted(item, user_id) for item in items]


@section.endpoint("showFavouriteVideos", refusals=(FavouritesPrivate,))
async def show_favourite_videos(call: Call, body: OfUser) -> list[FeedItem]:
    """A page of the videos that the caller saved, the newest first."""
    call.check_trusted()
    if wanted_user(call, body) != call.user_id:
        raise FavouritesPrivate
    return await feed_items(call, await call.videos.lists.favourites(asked(call, body.starting_point), call.user_id))


def _reposted(item: FeedItem, user_id: int) -> FeedItem:
    video = msgspec.structs.replace(item.video, repost_user_id=user_id, repost_video_id=item.video.id)
    return msgspec.structs.replace(item, video=video)
