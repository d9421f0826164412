"""`/watch/{id}`, the watch page of a stream. It contains the stream's state, so it plays before its socket is open."""

from __future__ import annotations

from urllib.parse import quote

import msgspec
from aiohttp import web

from api.contract.platform import Platform
from api.http.urls import Urls
from api.pages import player_script
from api.pages.answers import request_urls
from api.pages.html import Html
from api.pages.live import ThumbnailOf
from api.pages.sign_in import SignInPages
from control_plane.accounts.user import User, UserNotFound
from control_plane.base.clock import iso_ms
from control_plane.live.audience import Audience
from control_plane.social.people import person
from control_plane.social.sight import Sight
from control_plane.streams import store
from control_plane.streams.events import Summary
from control_plane.streams.model import Status, Stream, Visibility
from control_plane.streams.path import parse_id


class Host(msgspec.Struct, frozen=True):
    user_id: int
    username: str
    name: str
    profile_pic: str
    verified: bool


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """The initial state for the page's script."""

    id: int
    title: str
    status: Status
    public: bool
    """Only public streams can be played."""
    host: Host
    started_at: str | None
    playback_url: str
    whep_url: str
    summary: Summary | None
    """Present after the stream has ended."""


class WatchPage:
    def __init__(self, platform: Platform, html: Html, sign_in: SignInPages, thumbnail_of: ThumbnailOf) -> None:
        self._platform = platform
        self._html = html
        self._sign_in = sign_in
        self._thumbnail_of = thumbnail_of

    async def show(self, request: web.Request) -> web.Response:
        """The page, or an error page. Raises DatabaseUnavailable, AccountBlocked."""
        stream = await self._stream(request.match_info["id"])
        if stream is None:
            return self._missing(request)
        try:
            viewer_id = await self._sign_in.viewer(request)
            host = (await person(self._platform.database, viewer_id, stream.user_id, Sight.PROFILE)).user
        except UserNotFound:
            return self._missing(request)
        audience = Audience(stream.user_id, stream.visibility is Visibility.PUBLIC)
        if not audience.public and not audience.admits(await self._sign_in.caller(request)):
            return self._html.message(
                request, "This stream is private", "Its host can sign in to see this page.", 403, opens_to="signed-in"
            )
        urls = request_urls(request, self._platform)
        watched = _watched(stream, host, urls)
        plays_hls = stream.status is Status.LIVE and audience.public and "low" not in request.query
        title = stream.title or f"{host.username} live"
        return self._html.page(
            request,
            "watch",
            {
                "title": title,
                "description": f"{host.username} on Stagedoor",
                "image": urls.media(self._thumbnail_of(stream.id)),
                "watched": msgspec.json.encode(watched).decode(),
                "heading": title,
                "username": host.username,
                "profile": f"/@{quote(host.username)}",
            },
            scripts=[player_script.PATH] if plays_hls else [],
        )

    def _missing(self, request: web.Request) -> web.Response:
        return self._html.message(request, "There is no such stream", "Check the link: part of it may be missing.", 404)

    async def _stream(self, text: str) -> Stream | None:
        stream_id = parse_id(text)
        if stream_id is None:
            return None
        running = self._platform.streams.running.get(stream_id)
        return if_public(running) or await store.get(self._platform.database, stream_id)


def if_public(running: Stream | None) -> Stream | None:
    """The stream from memory if it is public. Any other is read from the database like one that has ended: otherwise
    the time of the answer would show whether it is live."""
    return running if running is not None and running.visibility is Visibility.PUBLIC else None


def _watched(stream: Stream, host: User, urls: Urls) -> Watched:
    return Watched(
        id=stream.id,
        title=stream.title,
        status=stream.status,
        public=stream.visibility is Visibility.PUBLIC,
        host=Host(
            host.id,
            host.username,
            host.full_name,
            urls.media(host.profile_pic),
            host.verified,
        ),
        started_at=iso_ms(stream.live_at) if stream.live_at else None,
        playback_url=urls.playback(stream.path),
        whep_url=urls.whep(stream.path),
        summary=Summary.of(stream) if stream.ended else None,
    )
