"""What the personal socket tells of own videos: the progress of an upload, and that it is ready or has failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.personal.hub import Frame, News
from control_plane.videos.news_store import Upload, last, uploads
from control_plane.videos.video import State, VideoId

MOST_AT_ONCE = 100
"""New videos of one user that a socket is told after a gap. More: a socket that was behind has more unsent bytes."""


class UploadView(msgspec.Struct, frozen=True):
    id: VideoId
    state: State
    progress: int
    """Percent."""
    failure: str
    """Why it failed, in words for its owner."""


class VideosState(msgspec.Struct, frozen=True):
    """Of the first frame."""

    processing: Sequence[UploadView]
    """Own videos that are not ready yet."""


class VideoChanged(msgspec.Struct, frozen=True, tag_field="type", tag="video"):
    video: UploadView


class VideosPosition(msgspec.Struct, frozen=True):
    last: VideoId
    """The newest video that was read."""
    processing: Mapping[VideoId, UploadView]
    """As it was told last."""


class VideosReader:
    """Implements `Reader`."""

    name = "videos"

    async def start(self, database: Database, user_id: UserId) -> VideosPosition:
        newest = await last(database, user_id)
        return _after(newest, [_view(one) for one in await uploads(database, {user_id: newest}, [], MOST_AT_ONCE)])

    def state(self, position: VideosPosition) -> VideosState:
        return VideosState(list(position.processing.values()))

    async def read(self, database: Database, positions: Mapping[UserId, VideosPosition]) -> Mapping[UserId, News]:
        newest = {user_id: position.last for user_id, position in positions.items()}
        known = [video_id for position in positions.values() for video_id in position.processing]
        found: dict[UserId, list[Upload]] = {}
        for upload in await uploads(database, newest, known, MOST_AT_ONCE):
            found.setdefault(upload.user_id, []).append(upload)
        news = {user_id: self._news(position, found.get(user_id, [])) for user_id, position in positions.items()}
        return {user_id: one for user_id, one in news.items() if one.position != positions[user_id]}

    def _news(self, position: VideosPosition, found: Sequence[Upload]) -> News:
        views = [_view(upload) for upload in found]
        frames = [_frame(view) for view in views if position.processing.get(view.id) != view]
        return News(_after(position.last, views), frames)


def _after(newest: VideoId, views: Sequence[UploadView]) -> VideosPosition:
    processing = {view.id: view for view in views if view.state is State.PROCESSING}
    return VideosPosition(max([newest, *(view.id for view in views)]), processing)


def _view(upload: Upload) -> UploadView:
    return UploadView(upload.id, upload.state, upload.progress, upload.failure)


def _frame(view: UploadView) -> Frame:
    text = msgspec.json.encode(VideoChanged(view))
    return lambda language: text
