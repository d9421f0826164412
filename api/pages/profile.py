"""`/@{username}`, the profile page of a user. It contains what the viewer sees, and reads it again at `/profile/{username}`, and
older videos at `/profile/{username}/videos`."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

import msgspec
from aiohttp import web

from api.contract.platform import Platform
from api.http.urls import Urls
from api.pages.answers import json, request_urls
from api.pages.html import Html
from api.pages.sign_in import SignInPages
from control_plane.accounts.store import holder_of_name
from control_plane.accounts.user import UserNotFound
from control_plane.social.model import Seen, Viewer
from control_plane.social.people import person
from control_plane.social.sight import Sight, sight
from control_plane.social.visits_store import record_visit
from control_plane.streams import store
from control_plane.streams.model import Status, Visibility
from control_plane.videos.pages import NEWEST
from control_plane.videos.store import on_profile
from control_plane.videos.video import Privacy, State, Video

PATH = "/@{username}"
VIDEOS = 24
"""How many videos are shown at once."""
_ON_AIR = {Status.LIVE, Status.INTERRUPTED}


class ShownVideo(msgspec.Struct, frozen=True):
    id: int
    description: str
    thumbnail: str
    views: int
    privacy: Privacy
    state: State
    pinned: bool


class ShownVideos(msgspec.Struct, frozen=True):
    videos: Sequence[ShownVideo] = ()
    next: int = 0
    """`before` of the next ones. 0: there are no more."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A user as the viewer sees it. Of a user whom the viewer blocks, only the names."""

    viewer_id: int
    """0: a guest."""
    user_id: int
    username: str
    name: str
    bio: str = ""
    website: str = ""
    profile_pic: str = ""
    verified: bool = False
    private: bool = False
    followers: int = 0
    following: int = 0
    own: bool = False
    follows: bool = False
    """The viewer follows the user."""
    followed: bool = False
    """The user follows the viewer."""
    requested: bool = False
    notified: bool = False
    blocked: bool = False
    """The viewer blocks the user."""
    open: bool = False
    """The viewer sees the videos and the lists of followers and followed users."""
    live_id: int = 0
    """The public stream that is on air. 0: none, or the viewer does not see it."""
    shown: ShownVideos = ShownVideos()
    """The first videos."""


class ProfilePage:
    def __init__(self, platform: Platform, html: Html, sign_in: SignInPages) -> None:
        self._platform = platform
        self._html = html
        self._sign_in = sign_in

    async def show(self, request: web.Request) -> web.Response:
        """The page, or an error page, which is the same for a hidden user and for a name without a user. A name in another
        case, or a former name, leads to the present one. Raises DatabaseUnavailable."""
        viewer_id = await self._sign_in.viewer(request)
        try:
            seen = await self._seen(request, viewer_id)
        except UserNotFound:
            return self._html.message(
                request, "There is no such user", "Check the name: the account may have another one now.", 404
            )
        user = seen.user
        if user.username != request.match_info["username"]:
            return web.Response(status=302, headers={"Location": f"/@{quote(user.username)}"})
        if viewer_id is not None and not seen.own and sight(seen) >= Sight.PROFILE:
            await record_visit(self._platform.database, user.id, viewer_id)
        profile = await self._profile(seen, request_urls(request, self._platform))
        values = {
            "title": f"{profile.name or user.username} (@{user.username})",
            "description": profile.bio or f"{user.shown_name} on Stagedoor",
            "image": profile.profile_pic,
            "profile": msgspec.json.encode(profile).decode(),
            "heading": user.shown_name,
        }
        return self._html.page(request, "profile", values)

    async def current(self, request: web.Request) -> web.Response:
        """The same for the script; 404 if the viewer sees no such user. Raises DatabaseUnavailable."""
        try:
            seen = await self._seen(request, await self._sign_in.viewer(request))
        except UserNotFound as missing:
            return json({"message": str(missing)}, 404)
        return json(await self._profile(seen, request_urls(request, self._platform)))

    async def older(self, request: web.Request) -> web.Response:
        """The videos below the key `before`; 404 if the viewer sees no such user. Raises DatabaseUnavailable."""
        before = request.query.get("before", "")
        try:
            seen = await self._seen(request, await self._sign_in.viewer(request))
        except UserNotFound as missing:
            return json({"message": str(missing)}, 404)
        shows = sight(seen) >= Sight.CONTENT and before.isascii() and before.isdecimal() and len(before) < 16
        urls = request_urls(request, self._platform)
        return json(await self._videos(seen, urls, int(before)) if shows else ShownVideos())

    async def _seen(self, request: web.Request, viewer_id: Viewer) -> Seen:
        """Raises UserNotFound."""
        user_id = await holder_of_name(self._platform.database, request.match_info["username"])
        if user_id is None:
            raise UserNotFound
        return await person(self._platform.database, viewer_id, user_id)

    async def _profile(self, seen: Seen, urls: Urls) -> Profile:
        user, relation, extent = seen.user, seen.relation, sight(seen)
        if extent < Sight.PROFILE:
            return Profile(
                viewer_id=seen.viewer_id or 0,
                user_id=user.id,
                username=user.username,
                name=user.full_name,
                blocked=True,
            )
        shows = extent >= Sight.CONTENT
        return Profile(
            viewer_id=seen.viewer_id or 0,
            user_id=user.id,
            username=user.username,
            name=user.full_name,
            bio=user.bio,
            website=user.website,
            profile_pic=urls.media(user.profile_pic),
            verified=user.verified,
            private=user.private,
            followers=user.followers,
            following=user.following,
            own=seen.own,
            follows=relation.follows,
            followed=relation.followed,
            requested=relation.requested,
            notified=relation.notified,
            open=shows,
            live_id=await self._live_id(seen) if shows else 0,
            shown=await self._videos(seen, urls) if shows else ShownVideos(),
        )

    async def _videos(self, seen: Seen, urls: Urls, before: int = NEWEST) -> ShownVideos:
        found = await on_profile(self._platform.database, seen.viewer_id, seen.user.id, VIDEOS, before)
        return ShownVideos([_shown(video, urls) for video in found.videos], found.next)

    async def _live_id(self, seen: Seen) -> int:
        stream = await store.unfinished_of(self._platform.database, seen.user.id)
        if stream is None or stream.status not in _ON_AIR or stream.visibility is not Visibility.PUBLIC:
            return 0
        return stream.id


def _shown(video: Video, urls: Urls) -> ShownVideo:
    return ShownVideo(
        video.id,
        video.description,
        urls.video_files(video).poster,
        video.counts.views,
        video.privacy,
        video.state,
        video.pinned,
    )
