"""Comments, and the errors of calls about them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NewType

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.videos.video import VideoId

CommentId = NewType("CommentId", int)


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment as one viewer sees it."""

    id: CommentId
    video_id: VideoId
    user_id: UserId
    parent_id: CommentId | None
    """Of a reply: the comment that it belongs to, which is no reply itself."""
    text: str
    created_at: dt.datetime
    likes: int
    replies: int
    """All of them, also those of users whom the viewer does not see."""
    liked: bool
    """By the viewer."""
    owner_liked: bool
    """By the owner of the video."""


@dataclass(frozen=True, slots=True)
class Thread:
    """A comment with its newest replies, the oldest of them first."""

    comment: Comment
    replies: Sequence[Comment]


@dataclass(frozen=True, slots=True)
class CommentLike:
    id: int
    user_id: UserId
    comment_id: CommentId
    created_at: dt.datetime


class CommentNotFound(ControlPlaneError):
    """There is no such comment, or the caller does not see its author or its video."""

    code = "comment_not_found"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("There is no such comment.")


class EmptyComment(ControlPlaneError):
    code = "empty_comment"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("Please write a comment first.")


class CommentsNotAccepted(ControlPlaneError):
    """The owner of the video accepts no comments, or none of the caller."""

    code = "comments_not_accepted"
    kind = ErrorKind.FORBIDDEN


class WordNotAllowed(ControlPlaneError):
    code = "word_not_allowed"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("This comment has a word that is not allowed here.")


class TooManyComments(ControlPlaneError):
    code = "too_many_comments"
    kind = ErrorKind.TOO_OFTEN


class NotYourComment(ControlPlaneError):
    code = "not_your_comment"
    kind = ErrorKind.FORBIDDEN

    def __init__(self) -> None:
        super().__init__("Only its author and the owner of the video can delete a comment.")


class NotYourVideo(ControlPlaneError):
    code = "not_your_video"
    kind = ErrorKind.FORBIDDEN

    def __init__(self) -> None:
        super().__init__("Only the owner of the video can pin a comment.")
