"""Likes, favourites, reposts and shares of videos, and videos that the caller is not interested in."""

from __future__ import annotations

import msgspec
from msgspec import field

from api.contract.call import Call
from api.contract.client import Client
from api.contract.endpoint import Beside, Section
from api.contract.request import CallerId, Id, Request, Switch, Text
from api.sections.videos.items import caller_view, one_item
from api.wire.feed import FeedItem
from api.wire.person import User, Video
from api.wire.reaction import VideoFavourite
from control_plane.videos.reactions.reactions import Reacted
from control_plane.videos.reactions.store import Reaction
from control_plane.videos.video import VideoId, VideoNotFound

section = Section("video")
feed_section = Section("feed")


class LikeVideo(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    video_id: Id
    like: Switch | None = None
    """1: like, 0: take the like back. Empty: toggle, as the apps do."""


@section.endpoint("likeVideo", top_level={"like": 0, "like_count": 0}, refusals=(VideoNotFound,))
async def like_video(call: Call, body: LikeVideo) -> str | Beside:
    """Like a video, or take the like back if the caller likes it already. Calls that overlap in time are one. The owner is
    told."""
    reacted = await _toggled(call, Reaction.LIKE, body.video_id, body.like)
    text = "You like this video." if reacted.on else "You no longer like this video."
    return Beside(text, {"like": int(reacted.on), "like_count": reacted.count})


class AddVideoFavourite(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    video_id: Id
    favourite: Switch | None = None
    """1: add it, 0: remove it. Empty: toggle, as the apps do."""


class Favourite(msgspec.Struct, frozen=True):
    favourite: VideoFavourite = field(name="VideoFavourite")
    """What was added, or what was removed: `Video.favourite` says which."""
    video: Video = field(name="Video")
    user: User = field(name="User")
    """The caller."""


@section.endpoint("addVideoFavourite", top_level={"fav_count": 0}, refusals=(VideoNotFound,))
async def add_video_favourite(call: Call, body: AddVideoFavourite) -> Favourite | Beside:
    """Add a video to the caller's favourites, or remove it from them. Calls that overlap in time are one."""
    reacted = await _toggled(call, Reaction.FAVOURITE, body.video_id, body.favourite)
    item = await one_item(call, VideoId(body.video_id))
    caller = await caller_view(call)
    record = VideoFavourite.of(reacted.mark, call.user_id, body.video_id)
    return Beside(Favourite(record, item.video, caller), {"fav_count": reacted.count})


class RepostVideo(Request, frozen=True, kw_only=True):
    repost_user_id: CallerId | None = None
    user_id: CallerId | None = None
    video_id: Id
    repost_comment: Text = ""
    """The caller's words to it."""
    repost: Switch | None = None
    """1: repost, 0: take the repost back. Empty: toggle, as the apps do."""


class Repost(msgspec.Struct, frozen=True):
    video: Video = field(name="Video")
    """With `repost` 1, and the caller and the video as `repost_user_id` and `repost_video_id`; zeros: taken back."""


@section.endpoint("repostVideo", refusals=(VideoNotFound,))
async def repost_video(call: Call, body: RepostVideo) -> Repost | str:
    """Show a video among the caller's reposts, or take it back. Calls that overlap in time are one. iOS gets a text."""
    reacted = await _toggled(call, Reaction.REPOST, body.video_id, body.repost, body.repost_comment)
    if call.client is Client.IOS:
        return "You reposted this video." if reacted.on else "You took your repost back."
    video = (await one_item(call, VideoId(body.video_id))).video
    by, of = (call.user_id, body.video_id) if reacted.on else (0, 0)
    return Repost(msgspec.structs.replace(video, repost=int(reacted.on), repost_user_id=by, repost_video_id=of))


class ShareVideo(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    video_id: Id


@section.endpoint("shareVideo", refusals=(VideoNotFound,))
async def share_video(call: Call, body: ShareVideo) -> FeedItem:
    """Count a share of a video: one of each user and video a day."""
    call.check_trusted()
    await call.videos.reactions.share(VideoId(body.video_id), call.user_id)
    return await one_item(call, VideoId(body.video_id))


class NotInterestedVideo(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    video_id: Id


@feed_section.endpoint("NotInterestedVideo")
async def not_interested_video(call: Call, body: NotInterestedVideo) -> str:
    """Leave a video out of the caller's feeds. The owner does not learn of it."""
    call.check_trusted()
    await call.videos.reactions.pass_over(VideoId(body.video_id), call.user_id)
    return "You will not see this video in your feeds."


async def _toggled(call: Call, reaction: Reaction, video_id: int, switch: int | None, comment: str = "") -> Reacted:
    call.check_trusted()
    wanted = None if switch is None else bool(switch)
    return await call.videos.reactions.toggle(reaction, VideoId(video_id), call.user_id, call.arrived, wanted, comment)
