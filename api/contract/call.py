"""`Call`, the first argument of every endpoint: the caller, the client app, and the services of the platform."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec
from aiohttp import web

from api.contract.client import Client
from api.contract.client_use import client_use
from api.contract.errors import SessionMissing
from api.contract.platform import Platform
from api.http.address import limit_key
from api.http.language import preferred_language
from api.http.uploads import Upload
from api.http.urls import Urls
from control_plane.accounts.bundle import Accounts
from control_plane.accounts.caller import Caller, SessionKey, Use
from control_plane.accounts.claims import Requester
from control_plane.base.ids import UserId
from control_plane.content.bundle import Content
from control_plane.gifts.bundle import Giving
from control_plane.inbox.bundle import Inbox
from control_plane.messages.bundle import DirectMessages
from control_plane.payments.bundle import Payments
from control_plane.payouts.bundle import Payouts
from control_plane.personal_data.bundle import PersonalData
from control_plane.reports.bundle import Reports
from control_plane.rewards.bundle import Rewards
from control_plane.social.bundle import Social
from control_plane.social.model import Viewer
from control_plane.storage.bundle import Stored
from control_plane.streams.bundle import Streams
from control_plane.videos.bundle import Videos

NO_UPLOADS: Mapping[str, Upload] = MappingProxyType({})


class Call(msgspec.Struct, frozen=True):
    request: web.Request
    client: Client
    platform: Platform
    urls: Urls
    address: str
    """The client's IP address."""
    caller: Caller | None
    """None for guests. Endpoints with Access.USER or Access.PROVEN always have a caller."""
    proven: bool
    """True when a session token identified the caller. False when an old app build named its user in the request
    body (compatibility mode)."""
    token: str = ""
    """The session token sent with the call."""
    uploads: Mapping[str, Upload] = NO_UPLOADS
    """The files of a form, by field."""
    arrived: float = 0.0
    """When the server got the call, by `time.perf_counter`."""

    @property
    def use(self) -> Use:
        """The client, as the list of sessions shows it."""
        return client_use(self.request, self.client, self.address, self.platform.settings)

    @property
    def language(self) -> str:
        """The language that the client prefers, such as `de-DE`; "" if it does not say."""
        return preferred_language(self.request.headers)

    @property
    def accounts(self) -> Accounts:
        return self.platform.accounts

    @property
    def streams(self) -> Streams:
        return self.platform.streams

    @property
    def giving(self) -> Giving:
        return self.platform.giving

    @property
    def payments(self) -> Payments:
        return self.platform.payments

    @property
    def payouts(self) -> Payouts:
        return self.platform.payouts

    @property
    def rewards(self) -> Rewards:
        return self.platform.rewards

    @property
    def personal_data(self) -> PersonalData:
        return self.platform.personal_data

    @property
    def content(self) -> Content:
        return self.platform.content

    @property
    def social(self) -> Social:
        return self.platform.social

    @property
    def inbox(self) -> Inbox:
        return self.platform.inbox

    @property
    def reports(self) -> Reports:
        return self.platform.reports

    @property
    def messages(self) -> DirectMessages:
        return self.platform.messages

    @property
    def videos(self) -> Videos:
        return self.platform.videos

    @property
    def requester(self) -> Requester:
        """Who asks for a code or enters one."""
        return Requester(limit_key(self.address), self.client.value)

    @property
    def stored(self) -> Stored:
        return self.platform.stored

    @property
    def user_id(self) -> UserId:
        assert self.caller is not None, "the endpoint answers guests: look at `caller`"
        return self.caller.user_id

    @property
    def session(self) -> SessionKey | None:
        """The session that proves who calls. None: no session does."""
        if self.caller is None or not self.proven:
            return None
        return SessionKey(self.caller.user_id, self.caller.session_id)

    @property
    def own_id(self) -> UserId:
        """The caller's id, for calls that change how the own account is signed in to. Raises SessionMissing if only the
        body names the caller, except in development mode."""
        if self.caller is None or not self.trusted:
            raise SessionMissing
        return self.caller.user_id

    @property
    def trusted(self) -> bool:
        """Whether the caller may read and change private data of the own account. In development mode a user named in
        the body is trusted too; calls that move coins use Access.PROVEN instead."""
        return self.proven or (self.caller is not None and self.platform.settings.dev)

    @property
    def viewer_id(self) -> Viewer:
        """The user whose follows and blocks decide what the answer shows. A caller who is only named in the body sees what
        guests see: anyone can name a user."""
        return self.caller.user_id if self.caller is not None and self.trusted else None

    def check_trusted(self) -> None:
        """Raises SessionMissing."""
        if not self.trusted:
            raise SessionMissing
