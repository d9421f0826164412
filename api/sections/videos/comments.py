"""Comments on videos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import field

from api.contract.call import Call
from api.contract.endpoint import Access, Beside, Section
from api.contract.request import CallerId, Id, MalformedRequest, Page, Request, Switch, Text
from api.sections.videos.asking import asked
from api.sections.videos.items import caller_view
from api.wire.comment import (
    CommentItem,
    VideoComment,
    VideoCommentLike,
    VideoCommentReplyLike,
    comment_item,
    comment_view,
    like_view,
    reply_like_view,
)
from api.wire.person import User, Video, seen_view, video_view
from control_plane.base.ids import LARGEST_ID
from control_plane.social.people import people
from control_plane.videos.comments import changing, store
from control_plane.videos.comments.likes import Liked
from control_plane.videos.comments.model import (
    Comment,
    CommentId,
    CommentNotFound,
    CommentsNotAccepted,
    EmptyComment,
    NotYourComment,
    NotYourVideo,
    Thread,
    TooManyComments,
    WordNotAllowed,
)
from control_plane.videos.comments.posting import NewComment
from control_plane.videos.store import seen_by_ids
from control_plane.videos.tags import mentions_in
from control_plane.videos.video import Video as StoredVideo
from control_plane.videos.video import VideoId, VideoNotFound

section = Section("comments")

LONGEST = 500
"""Characters. Longer: a comment fills the screen of a phone. Shorter: a long sentence does not fit."""
POST_REFUSALS = (*(CommentNotFound, CommentsNotAccepted, EmptyComment, TooManyComments, VideoNotFound, WordNotAllowed),)
REMOVED = "unfavourite"
"""What Android compares `msg` with after a like was taken back."""

CommentText = Annotated[str, msgspec.Meta(max_length=LONGEST, description="the text")]


class ShowVideoComments(Request, frozen=True, kw_only=True):
    video_id: Id
    user_id: CallerId | None = None
    starting_point: Page = Page(0)
    comment: Text = ""
    """Not used."""
    parent_id: Id | None = None
    """Only the replies to this comment, the newest first."""


@section.endpoint("showVideoComments", access=Access.GUEST, refusals=(CommentNotFound, VideoNotFound))
async def show_video_comments(call: Call, body: ShowVideoComments) -> list[CommentItem]:
    """A page of the comments on a video, newest first, without those of users whom the caller does not see. The first page
    begins with the pinned comment. Each has its newest replies with it. A page after the last one is empty."""
    database, viewer_id, video_id = call.platform.database, call.viewer_id, VideoId(body.video_id)
    video = await _video(call, video_id)
    reading, page = call.videos.comments.reading, asked(call, body.starting_point)
    if body.parent_id is None:
        threads = await reading.comments(viewer_id, video_id, page)
    else:
        parent = await store.seen(database, viewer_id, CommentId(body.parent_id))
        if parent is None or parent.video_id != video_id:
            raise CommentNotFound
        threads = [Thread(reply, ()) for reply in await reading.replies(viewer_id, parent.id, page)]
    return await _items(call, video, threads)


class PostCommentOnVideo(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    video_id: Id
    comment: CommentText = ""
    parent_id: Id | None = None
    """The comment to reply to."""
    users_json: Any = None
    """The mentioned users, each as `{"user_id": 7}`. The text may mention more, as `@ben`."""


@section.endpoint("postCommentOnVideo", refusals=POST_REFUSALS)
async def post_comment_on_video(call: Call, body: PostCommentOnVideo) -> CommentItem:
    """Comment on a video, or reply to a comment. The owner of the video, the author of that comment and the mentioned users
    are told. The same comment again within ten seconds is the first one."""
    comment = await _post(call, body, body.parent_id)
    items = await _items(call, await _video(call, comment.video_id), [Thread(comment, ())])
    if not items:
        raise VideoNotFound  # its author has deleted the account a moment ago
    return items[0]


class PostCommentReply(Request, frozen=True, kw_only=True):
    user_id: CallerId | None = None
    video_id: Id
    comment_id: Id
    """The comment or reply to reply to."""
    comment: CommentText = ""
    users_json: Any = None
    """The mentioned users, each as `{"user_id": 7}`. The text may mention more, as `@ben`."""


class CommentReplyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    video_comment: VideoComment = field(name="VideoComment")
    """The comment that the reply belongs to."""
    video_comment_reply: VideoComment = field(name="VideoCommentReply")
    user: User = field(name="User")
    """The caller."""


@section.endpoint("postCommentReply", refusals=POST_REFUSALS)
async def post_comment_reply(call: Call, body: PostCommentReply) -> CommentReplyAnswer:
    """Reply to a comment, as `postCommentOnVideo` with `parent_id`."""
    reply = await _post(call, body, body.comment_id)
    parent = None
    if reply.parent_id is not None:
        parent = await store.seen(call.platform.database, call.user_id, reply.parent_id)
    if parent is None:
        raise CommentNotFound  # deleted a moment ago
    author = await caller_view(call)
    return CommentReplyAnswer(
        video_comment=comment_view(parent), video_comment_reply=comment_view(reply, author), user=author
    )


class LikeComment(Request, frozen=True, kw_only=True):
    comment_id: Id
    user_id: CallerId | None = None
    like: Switch | None = None
    """The state to set. Empty: the other one than now."""


class LikeCommentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    video_comment_like: VideoCommentLike = field(name="VideoCommentLike")
    video_comment: VideoComment = field(name="VideoComment")
    user: User = field(name="User")
    """The caller."""


@section.endpoint("likeComment", top_level={"like_count": 0}, refusals=(CommentNotFound,))
async def like_comment(call: Call, body: LikeComment) -> LikeCommentAnswer | Literal["unfavourite"] | Beside:
    """Like a comment or take the like back. The first call likes it, the same call again takes the like back. Calls that
    overlap in time are one. The answer is the like, or `unfavourite` when there is none."""
    liked = await _toggle(call, body.comment_id, body.like)
    if liked.like is None:
        return _beside(liked, REMOVED)
    answer = LikeCommentAnswer(
        video_comment_like=like_view(liked.like, liked.comment),
        video_comment=comment_view(liked.comment),
        user=await caller_view(call),
    )
    return _beside(liked, answer)


class LikeCommentReply(Request, frozen=True, kw_only=True):
    comment_reply_id: Id
    video_id: Id | None = None
    """Not used."""
    user_id: CallerId | None = None
    like: Switch | None = None
    """The state to set. Empty: the other one than now."""


class LikeCommentReplyAnswer(LikeCommentAnswer, frozen=True, kw_only=True):
    video_comment_reply_like: VideoCommentReplyLike = field(name="VideoCommentReplyLike")


@section.endpoint("likeCommentReply", top_level={"like_count": 0}, refusals=(CommentNotFound,))
async def like_comment_reply(
    call: Call, body: LikeCommentReply
) -> LikeCommentReplyAnswer | Literal["unfavourite"] | Beside:
    """Like a reply or take the like back, as `likeComment`."""
    liked = await _toggle(call, body.comment_reply_id, body.like)
    if liked.like is None:
        return _beside(liked, REMOVED)
    answer = LikeCommentReplyAnswer(
        video_comment_reply_like=reply_like_view(liked.like, liked.comment),
        video_comment_like=like_view(liked.like, liked.comment),
        video_comment=comment_view(liked.comment),
        user=await caller_view(call),
    )
    return _beside(liked, answer)


class DeleteVideoComment(Request, frozen=True, kw_only=True):
    id: Id | None = None
    """The comment or reply."""
    comment_id: Id | None = None
    """The same as `id`."""
    user_id: CallerId | None = None


@section.endpoint("deleteVideoComment", refusals=(CommentNotFound, NotYourComment))
async def delete_video_comment(call: Call, body: DeleteVideoComment) -> str:
    """Delete a comment with its replies, as its author or as the owner of the video."""
    return await _delete(call, body.id or body.comment_id)


class DeleteVideoCommentReply(Request, frozen=True, kw_only=True):
    id: Id | None = None
    """The reply."""
    comment_reply_id: Id | None = None
    """The same as `id`."""
    user_id: CallerId | None = None


@section.endpoint("deleteVideoCommentReply", refusals=(CommentNotFound, NotYourComment))
async def delete_video_comment_reply(call: Call, body: DeleteVideoCommentReply) -> str:
    """Delete a reply, as its author or as the owner of the video."""
    return await _delete(call, body.id or body.comment_reply_id)


PinnedId = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_ID, description="0: none", extra={"switch": True})]
"""An id, of which 0 is a value and "" means None."""


class PinComment(Request, frozen=True, kw_only=True):
    video_id: Id
    """A video of the caller."""
    pin_comment_id: PinnedId | None = None
    """The comment, no reply. 0: no comment is pinned any more."""
    comment_id: PinnedId | None = None
    """The same as `pin_comment_id`."""
    user_id: CallerId | None = None


class PinCommentAnswer(msgspec.Struct, frozen=True):
    video: Video = field(name="Video")


@section.endpoint("pinComment", refusals=(CommentNotFound, NotYourVideo, VideoNotFound))
async def pin_comment(call: Call, body: PinComment) -> PinCommentAnswer:
    """Show a comment above the others of the caller's video. It replaces the one that is pinned."""
    call.check_trusted()
    wanted = body.comment_id if body.pin_comment_id is None else body.pin_comment_id
    if wanted is None:
        raise MalformedRequest("pin_comment_id is missing.")
    video_id = VideoId(body.video_id)
    await changing.pin(call.platform.database, call.user_id, video_id, CommentId(wanted) if wanted else None)
    video = await _video(call, video_id)
    return PinCommentAnswer(video_view(video, await caller_view(call), call.urls))


async def _video(call: Call, video_id: VideoId) -> StoredVideo:
    """Raises VideoNotFound."""
    found = await seen_by_ids(call.platform.database, call.viewer_id, [video_id])
    if video_id not in found:
        raise VideoNotFound
    return found[video_id]


async def _items(call: Call, video: StoredVideo, threads: Sequence[Thread]) -> list[CommentItem]:
    """With all users in one query. A comment is missing if its author was hidden after it was read."""
    comments = [comment for thread in threads for comment in (thread.comment, *thread.replies)]
    user_ids = {comment.user_id for comment in comments} | {video.user_id}
    found = await people(call.platform.database, call.viewer_id, list(user_ids))
    shown = {user_id: seen_view(seen, call.urls) for user_id, seen in found.items()}
    if video.user_id not in shown:
        raise VideoNotFound
    view = video_view(video, shown[video.user_id], call.urls)
    return [
        comment_item(
            thread.comment,
            shown[thread.comment.user_id],
            view,
            [(reply, shown[reply.user_id]) for reply in thread.replies if reply.user_id in shown],
        )
        for thread in threads
        if thread.comment.user_id in shown
    ]


async def _post(call: Call, body: PostCommentOnVideo | PostCommentReply, reply_to: int | None) -> Comment:
    call.check_trusted()
    new = NewComment(
        user_id=call.user_id,
        video_id=VideoId(body.video_id),
        text=body.comment,
        reply_to=None if reply_to is None else CommentId(reply_to),
        mentions=mentions_in(body.users_json, body.comment),
    )
    return await call.videos.comments.posting.post(new)


async def _toggle(call: Call, comment_id: int, like: int | None) -> Liked:
    call.check_trusted()
    wanted = None if like is None else bool(like)
    return await call.videos.comments.likes.toggle(call.user_id, CommentId(comment_id), call.arrived, wanted)


def _beside(liked: Liked, msg: Any) -> Beside:
    return Beside(msg, {"like_count": liked.comment.likes})


async def _delete(call: Call, comment_id: int | None) -> str:
    call.check_trusted()
    if comment_id is None:
        raise MalformedRequest("id is missing.")
    await changing.delete(call.platform.database, call.user_id, CommentId(comment_id))
    return "The comment was deleted."
