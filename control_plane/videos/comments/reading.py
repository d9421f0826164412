"""Reads the comments on a video and the replies to a comment in pages."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.db.pool import Database
from control_plane.social.model import Viewer
from control_plane.videos.comments import store
from control_plane.videos.comments.model import Comment, CommentId, Thread
from control_plane.videos.pages import Asked, PageKeys
from control_plane.videos.video import VideoId


class Reading:
    """The next page begins where the reader's last one ended, so that no comment is read twice while others are written."""

    def __init__(self, database: Database, keys: PageKeys) -> None:
        self._database = database
        self._keys = keys

    async def comments(self, viewer: Viewer, video_id: VideoId, asked: Asked) -> Sequence[Thread]:
        """Those whose authors the viewer sees, with their newest replies: the newest first. The first page begins with the
        pinned one in addition."""
        list_ = "comments", video_id
        start = self._keys.start(list_, asked)
        if start is None:
            return []
        comments = await store.newest(self._database, viewer, video_id, asked.size, start)
        self._keys.ended(list_, asked, start, comments[-1].id if comments else None)
        if not asked.number:
            comments = [*await store.pinned(self._database, viewer, video_id), *comments]
        replies = await store.nested(self._database, viewer, [one.id for one in comments if one.replies])
        return [Thread(comment, replies.get(comment.id, ())) for comment in comments]

    async def replies(self, viewer: Viewer, comment_id: CommentId, asked: Asked) -> Sequence[Comment]:
        """Those whose authors the viewer sees, the newest first."""
        list_ = "replies", comment_id
        start = self._keys.start(list_, asked)
        if start is None:
            return []
        replies = await store.replies(self._database, viewer, comment_id, asked.size, start)
        self._keys.ended(list_, asked, start, replies[-1].id if replies else None)
        return replies
