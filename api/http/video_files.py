"""The files of videos over HTTP, under `/videos/` by signed addresses. Each request asks whether the viewer of the address
sees the video, so that an address ends with a deletion, a narrower privacy, a block or a ban."""

from __future__ import annotations

from aiohttp import web

from api.http.files import PRIVATE_LIFE, FileRoutes, answering, nothing
from api.http.urls import video_file
from control_plane.base.ids import LARGEST_ID
from control_plane.db.pool import Database
from control_plane.storage.model import FileName, is_private
from control_plane.videos.addresses import VideoAddresses
from control_plane.videos.files_store import seen_files
from control_plane.videos.video import VideoId

CACHE_S = 600
"""How long a client keeps what it read, without asking. Larger: it shows a deleted video for longer. Smaller: a feed
loads its videos again as it is scrolled back."""


class VideoFileRoutes:
    """`files` sends what is found."""

    def __init__(self, files: FileRoutes, addresses: VideoAddresses, database: Database) -> None:
        self._files = files
        self._addresses = addresses
        self._database = database

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.get("/videos/{id:[0-9]{1,10}}/{mark}/{file}", answering(self._file))]

    async def _file(self, request: web.Request) -> web.StreamResponse:
        video_id, file = VideoId(int(request.match_info["id"])), request.match_info["file"]
        mark = self._addresses.mark_of(request.match_info["mark"])
        if mark is None or video_id > LARGEST_ID:
            raise nothing()
        seen = await seen_files(self._database, video_id, mark.viewer_id)
        if seen is None or not self._addresses.verify(video_id, seen.created_at, mark):
            raise nothing()
        kind = file.partition(".")[0]
        name = seen.names.get(kind, FileName(""))
        if not is_private(name) or f"/{file}" != video_file("", kind, name):
            raise nothing()
        response = await self._files.stored_file(name, PRIVATE_LIFE)
        life_s = PRIVATE_LIFE.seconds // 2 if response.status == 302 else CACHE_S
        response.headers["Cache-Control"] = f"private, max-age={life_s}"
        return response
