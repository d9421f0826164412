"""`/account`: the page where users see and change their account, with the calls that the contract lacks."""

from __future__ import annotations

import msgspec
from aiohttp import web

from api.contract.client import Client
from api.contract.errors import SessionMissing
from api.contract.platform import Platform
from api.http.address import client_address, limit_key
from api.http.cookies import page_token
from api.pages.answers import json
from api.pages.html import Html
from api.pages.sign_in import SignInPages
from control_plane.accounts.caller import Caller
from control_plane.accounts.claims import Requester

PATH = "/account"
BROUGHT_BACK = f"{PATH}?back"
"""The page with a notice that the sign-in has brought a deleted account back."""


class Current(msgspec.Struct, frozen=True):
    """What the page shows and the contract does not tell."""

    has_password: bool
    deletion_days: int
    """Until a deleted account is removed for good."""


class Earnings(msgspec.Struct, frozen=True):
    """What the user can withdraw, and where it goes."""

    withdrawable: int
    fresh: int
    """Coins that were earned too recently to be withdrawn."""
    worth: str
    """Of the withdrawable coins, such as `12.50`."""
    currency: str
    least: int
    """Fewest coins of a payout."""
    method: str
    """`paypal`, `bank` or `wallet`; empty: there is no address."""
    address: str
    """Most of it is hidden."""
    held_until: str
    """No payout until then, because the address was changed. Empty: none is held."""
    is_open: bool
    """A request is neither paid nor rejected."""


class CodeSent(msgspec.Struct, frozen=True):
    to: str


class Done(msgspec.Struct, frozen=True):
    pass


class AccountPage:
    def __init__(self, platform: Platform, html: Html, sign_in: SignInPages) -> None:
        self._platform = platform
        self._html = html
        self._sign_in = sign_in

    async def show(self, request: web.Request) -> web.Response:
        values = {"title": "Account", "description": "Your account on Stagedoor", "image": ""}
        return self._html.page(request, "account_page", values)

    async def current(self, request: web.Request) -> web.Response:
        """Raises SessionMissing."""
        caller = await self._caller(request)
        has_password = await self._platform.accounts.passwords.is_set(caller.user_id)
        return json(Current(has_password, self._platform.personal_data.deletion.days))

    async def earnings(self, request: web.Request) -> web.Response:
        """Raises SessionMissing."""
        caller = await self._caller(request)
        withdrawing = self._platform.payouts.withdrawing
        found = await withdrawing.earnings(caller.user_id)
        address = found.details.address if found.details else None
        return json(
            Earnings(
                withdrawable=found.withdrawable,
                fresh=min(found.fresh, found.earned),
                worth=str(found.worth),
                currency=withdrawing.terms.currency,
                least=withdrawing.terms.least,
                method=address.method.value if address else "",
                address=address.shown if address else "",
                held_until=found.held_until.isoformat() if found.held_until else "",
                is_open=found.open_payout is not None,
            )
        )

    async def send_payout_code(self, request: web.Request) -> web.Response:
        """Send the code that a change of the payout address needs. Raises SessionMissing, NoWayToProve, ChannelMissing,
        TooManyCodes and TextMessagesUsedUp."""
        caller = await self._caller(request)
        origin = limit_key(client_address(request, self._platform.settings.trusted_proxies))
        requester = Requester(origin, Client.DOCUMENT.value)
        contact = await self._platform.payouts.details.send_code(caller.user_id, requester)
        return json(CodeSent(contact.address))

    async def remove_picture(self, request: web.Request) -> web.Response:
        """Raises SessionMissing, UserNotFound."""
        caller = await self._caller(request)
        await self._platform.accounts.profile_media.remove_picture(caller.user_id)
        return json(Done())

    async def end_other_sessions(self, request: web.Request) -> web.Response:
        """Raises SessionMissing."""
        caller = await self._caller(request)
        await self._platform.accounts.sessions.end_others(caller.user_id, page_token(request) or "")
        return json(Done())

    async def _caller(self, request: web.Request) -> Caller:
        """The cookie counts only with an Origin of ours when the request changes something. Raises SessionMissing."""
        caller = await self._sign_in.caller(request)
        if caller is None:
            raise SessionMissing
        return caller
