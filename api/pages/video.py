"""`/v/{id}`, the page of a video. It contains the video as the contract answers it, with the tags that links show elsewhere."""

from __future__ import annotations

from pathlib import PurePosixPath

import msgspec
from aiohttp import web

from api.contract.platform import Platform
from api.pages.answers import request_urls
from api.pages.html import Html
from api.pages.sign_in import SignInPages
from api.wire.feed import feed_item
from api.wire.person import Video as VideoView
from api.wire.person import seen_view, video_view
from control_plane.accounts.user import UserNotFound
from control_plane.base.ids import id_in
from control_plane.social.model import Seen
from control_plane.social.people import person
from control_plane.social.sight import Sight
from control_plane.videos.store import seen_by_ids
from control_plane.videos.video import Video, VideoId, VideoNotFound

PATH = "/v/{id}"
TITLE_CHARACTERS = 70
"""Of the description. Sites that show a link cut longer titles."""
_TYPES = {".mp4": "video/mp4", ".webm": "video/webm"}


class VideoPage:
    def __init__(self, platform: Platform, html: Html, sign_in: SignInPages) -> None:
        self._platform = platform
        self._html = html
        self._sign_in = sign_in

    async def show(self, request: web.Request) -> web.Response:
        """The page, or an error page, which is the same for a hidden, a deleted and a missing video. Raises
        DatabaseUnavailable."""
        try:
            video, owner = await self._seen(request)
        except (UserNotFound, VideoNotFound):
            return self._html.message(
                request,
                "There is no such video",
                "It may be deleted, or only for friends of its owner.",
                404,
                opens_to="signed-in",
            )
        urls = request_urls(request, self._platform)
        view = video_view(video, seen_view(owner, urls), urls)
        name = owner.user.shown_name
        values = {
            "title": _title(video, name),
            "description": video.description or f"A video by {name} on Stagedoor",
            "image": view.thum,
            "item": msgspec.json.encode(feed_item(video, view)).decode(),
            "heading": f"Video by {name}",
        }
        return self._html.page(request, "video", values, tags=_tags(view))

    async def _seen(self, request: web.Request) -> tuple[Video, Seen]:
        """Raises UserNotFound, VideoNotFound."""
        viewer_id = await self._sign_in.viewer(request)
        video_id = VideoId(id_in(request.match_info["id"]) or 0)
        found = await seen_by_ids(self._platform.database, viewer_id, [video_id])
        if video_id not in found:
            raise VideoNotFound
        video = found[video_id]
        return video, await person(self._platform.database, viewer_id, video.user_id, Sight.PROFILE)


def _title(video: Video, name: str) -> str:
    first_line, _, _ = video.description.partition("\n")
    if len(first_line) > TITLE_CHARACTERS:
        first_line = f"{first_line[: TITLE_CHARACTERS - 1].rstrip()}…"
    return f"{first_line} – {name}" if first_line else f"Video by {name}"


def _tags(view: VideoView) -> dict[str, str]:
    """Open Graph tags beside those that every page has. Sites play the file that they name."""
    kind = _TYPES.get(PurePosixPath(view.video.partition("?")[0]).suffix, "")
    if not kind:
        return {}
    return {
        "og:video": view.video,
        "og:video:type": kind,
        "og:video:width": str(view.width),
        "og:video:height": str(view.height),
    }
