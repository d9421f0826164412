"""The web pages: home, watch, video, upload, profiles, inbox, messages, studio, account, appeal and sign-in, with the JSON routes that
only these pages call."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from api.contract.platform import Platform
from api.pages import account, inbox, messages, player_script, profile, provider_sign_in, push, video
from api.pages.account import AccountPage
from api.pages.answers import answering, request_urls
from api.pages.html import STATIC, Html
from api.pages.inbox import InboxPage
from api.pages.live import LiveNow, Viewers
from api.pages.messages import MessagesPage
from api.pages.player_script import FetchScript, PlayerScript
from api.pages.profile import ProfilePage
from api.pages.provider_sign_in import ProviderSignIn
from api.pages.push import PushPages
from api.pages.shop import ShopPage
from api.pages.sign_in import SignInPages
from api.pages.studio import StudioPage
from api.pages.video import VideoPage
from api.pages.watch import WatchPage

__all__ = ["Pages"]

REFUSALS = {
    403: ("Not allowed", ""),
    404: ("There is nothing here", "Check the link: part of it may be missing."),
    421: ("Another address is needed", ""),
    429: ("Too many requests", ""),
}
"""HTTP status → the title of the error page, and a text that replaces the error's own one if it is not empty."""


class Pages:
    def __init__(self, platform: Platform, viewers: Viewers, fetch_player: FetchScript) -> None:
        thumbnail_of = platform.streams.prober.thumbnail
        self._html = Html(platform)
        self._sign_in = SignInPages(platform)
        self._provider_sign_in = ProviderSignIn(platform, self._html)
        self._live = LiveNow(
            platform.database,
            platform.streams.running,
            partial(request_urls, platform=platform),
            viewers,
            thumbnail_of,
            self._sign_in.hidden_hosts,
        )
        self._watch = WatchPage(platform, self._html, self._sign_in, thumbnail_of)
        self._video = VideoPage(platform, self._html, self._sign_in)
        self._studio = StudioPage(platform, self._html, self._sign_in)
        self._account = AccountPage(platform, self._html, self._sign_in)
        self._profile = ProfilePage(platform, self._html, self._sign_in)
        self._inbox = InboxPage(platform, self._html, self._sign_in)
        self._messages = MessagesPage(self._html)
        self._push = PushPages(platform, self._sign_in)
        self._shop = ShopPage(platform, self._html)
        self._player = PlayerScript(fetch_player)

    def routes(self) -> list[web.AbstractRouteDef]:
        showing = self._html.showing
        return [
            web.get("/", showing(self._home)),
            web.get("/watch/{id}", showing(self._watch.show)),
            web.get(video.PATH, showing(self._video.show)),
            web.get("/upload", showing(self._upload)),
            web.get("/appeal", showing(self._appeal)),
            web.get("/studio", showing(self._studio.show)),
            web.get("/studio/current", answering(self._studio.current)),
            web.get("/studio/phone.svg", answering(self._studio.phone_code)),
            web.get("/studio/watch.svg", answering(self._studio.watch_code)),
            web.get(account.PATH, showing(self._account.show)),
            web.get(f"{account.PATH}/current", answering(self._account.current)),
            web.get(f"{account.PATH}/earnings", answering(self._account.earnings)),
            web.post(f"{account.PATH}/payout-code", answering(self._account.send_payout_code)),
            web.delete(f"{account.PATH}/picture", answering(self._account.remove_picture)),
            web.delete(f"{account.PATH}/sessions", answering(self._account.end_other_sessions)),
            web.get(profile.PATH, showing(self._profile.show)),
            web.get("/profile/{username}", answering(self._profile.current)),
            web.get("/profile/{username}/videos", answering(self._profile.older)),
            web.get(inbox.PATH, showing(self._inbox.show)),
            web.get(f"{inbox.PATH}/entries", answering(self._inbox.entries)),
            web.get(messages.PATH, showing(self._messages.show)),
            web.get(f"{messages.PATH}/{{username}}", showing(self._messages.show)),
            web.get("/live", answering(self._live.show)),
            web.get("/coins", showing(self._shop.back)),
            web.get("/shop", answering(self._shop.show)),
            web.get("/session", answering(self._sign_in.show)),
            web.post("/session", answering(self._sign_in.enter)),
            web.delete("/session", answering(self._sign_in.leave)),
            web.get("/session/{provider}", showing(self._provider_sign_in.begin)),
            web.get(provider_sign_in.CALLBACK, showing(self._provider_sign_in.returned)),
            web.post(provider_sign_in.CALLBACK, showing(self._provider_sign_in.posted)),
            web.get("/push", answering(self._push.show)),
            web.post("/push", answering(self._push.subscribe)),
            web.delete("/push", answering(self._push.unsubscribe)),
            web.get(push.WORKER, answering(self._push.worker)),
            web.get(player_script.PATH, answering(self._player.show)),
            web.static(self._html.static_path, STATIC),
        ]

    def refusal(self, request: web.Request, status: int, text: str) -> web.Response:
        """The error page for a request that is refused or has no page."""
        title, instead = REFUSALS.get(status, ("That did not work", ""))
        return self._html.message(request, title, instead or text, status)

    async def _home(self, request: web.Request) -> web.Response:
        values = {"title": "Live and videos", "description": "Live streams and videos on Stagedoor", "image": ""}
        return self._html.page(request, "home", values)

    async def _upload(self, request: web.Request) -> web.Response:
        values = {"title": "Upload", "description": "Upload a video to Stagedoor", "image": ""}
        return self._html.page(request, "upload", values)

    async def _appeal(self, request: web.Request) -> web.Response:
        values = {"title": "Appeal a decision", "description": "Ask for another look at a decision", "image": ""}
        return self._html.page(request, "appeal", values)
