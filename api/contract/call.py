"""One call of an endpoint: who calls, with which app, and the parts of the platform that the endpoint may use."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from api.contract.client import Client
from api.contract.platform import Platform
from api.http.uploads import Upload
from api.http.urls import Urls
from control_plane.accounts.bundle import Accounts
from control_plane.accounts.caller import Caller
from control_plane.base.ids import UserId
from control_plane.gifts.bundle import Giving
from control_plane.payments.bundle import Payments
from control_plane.streams.bundle import Streams

NO_UPLOADS: Mapping[str, Upload] = MappingProxyType({})


class Call(msgspec.Struct, frozen=True):
    client: Client
    platform: Platform
    urls: Urls
    address: str
    """The client's IP address."""
    caller: Caller | None
    """None for guests. Endpoints of Access.USER and Access.PROVEN always have one."""
    proven: bool
    """The caller comes from a session token. False: an old app build named itself in the body (compatibility mode)."""
    token: str = ""
    """The session token that came with the call."""
    uploads: Mapping[str, Upload] = NO_UPLOADS
    """The files of a form, by field."""

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
    def user_id(self) -> UserId:
        assert self.caller is not None, "the endpoint answers guests: look at `caller`"
        return self.caller.user_id

    @property
    def trusted(self) -> bool:
        """May see and change what is the caller's own. In development mode a name in the body is enough, but for coins."""
        return self.proven or (self.caller is not None and self.platform.settings.dev)
