"""`/session`: sign-in and sign-out on our pages, and who is signed in.

The sign-in form offers the ways in `WAYS`. To add a sign-in provider, add a row.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec
from aiohttp import web

from api.contract.platform import Platform
from api.contract.request import MalformedRequest, as_text, decode_object, read_body
from api.http.cookies import clear_session, own_origin, page_token, set_session
from api.pages.answers import json, page_use, request_urls
from control_plane.accounts.caller import Caller, Use
from control_plane.accounts.claims import Claims
from control_plane.accounts.sessions import AccountBlocked
from control_plane.accounts.sign_in import DEV_PREFIX
from control_plane.accounts.store import by_ids
from control_plane.accounts.user import OwnUser, User
from control_plane.ledger.wallets import wallet

LONGEST = 2000
"""Characters of a name or token."""
LARGEST_BODY = 4 * 1024
"""Bytes of a sign-in request, which has one name or token."""
NOT_OURS = 403
NOT_VALID = 401


@dataclass(frozen=True, slots=True)
class Way:
    """One way to sign in. `field` is the key in the request body and the name of the form's input. `enter` returns None
    if the value is not valid."""

    field: str
    label: str
    hint: str
    secret: bool
    enter: Callable[[Platform, str, Use], Awaitable[tuple[OwnUser, str] | None]]
    dev_only: bool = False


async def _by_name(platform: Platform, name: str, use: Use) -> tuple[OwnUser, str]:
    return await platform.accounts.sign_in.enter(Claims(auth_token=f"{DEV_PREFIX}{name}"), use)


async def _by_token(platform: Platform, token: str, use: Use) -> tuple[OwnUser, str] | None:
    if await platform.accounts.sessions.identify(token) is None:
        return None
    return await platform.accounts.sign_in.enter(Claims(auth_token=token), use)


WAYS = (
    Way(
        "name",
        "Username",
        "Letters, digits, dots, dashes and underscores. Development mode: any name signs you in, without a password.",
        False,
        _by_name,
        True,
    ),
    Way(
        "auth_token", "Session token", "From your app, or from the command: stagedoor token <username>", True, _by_token
    ),
)


class WayView(msgspec.Struct, frozen=True):
    field: str
    label: str
    hint: str
    secret: bool


class ProviderView(msgspec.Struct, frozen=True):
    name: str
    title: str
    url: str
    """A link to the provider's page; `next` is added to it."""


class Me(msgspec.Struct, frozen=True):
    user_id: int
    username: str
    name: str
    profile_pic: str
    wallet: int


class SessionView(msgspec.Struct, frozen=True):
    """`user` is null for guests. `sandbox` is true when coins can be bought free of charge."""

    user: Me | None
    ways: Sequence[WayView]
    providers: Sequence[ProviderView]
    sandbox: bool


class SignInPages:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._ways = {way.field: way for way in WAYS if platform.settings.dev or not way.dev_only}
        self._providers = [
            ProviderView(client.name, client.title, f"/session/{client.name}")
            for client in platform.accounts.page_flow.clients.values()
        ]
        self._views = [WayView(way.field, way.label, way.hint, way.secret) for way in self._ways.values()]

    async def caller(self, request: web.Request) -> Caller | None:
        """The signed-in user, or None. Raises AccountBlocked."""
        token = page_token(request)
        return await self._platform.accounts.sessions.identify(token) if token else None

    async def show(self, request: web.Request) -> web.Response:
        try:
            if caller := await self.caller(request):
                self._platform.accounts.last_uses.note(caller, page_use(request, self._platform))
        except AccountBlocked:  # shown as signed out, so that another user can sign in
            caller = None
        user = (await by_ids(self._platform.database, [caller.user_id])).get(caller.user_id) if caller else None
        return json(await self._view(request, user))

    async def enter(self, request: web.Request) -> web.Response:
        scheme = own_origin(request)
        if scheme is None:
            return not_ours()
        fields = decode_object(await read_body(request.clone(client_max_size=LARGEST_BODY)))
        way, value = self._chosen(fields)
        entered = await way.enter(self._platform, value, page_use(request, self._platform))
        if entered is None:
            return json({"message": f"This {way.label.lower()} is not valid here. Get a new one."}, NOT_VALID)
        own, token = entered
        response = json(await self._view(request, own.user))
        set_session(response, token, scheme, self._platform.settings.session_ttl_s)
        return response

    async def leave(self, request: web.Request) -> web.Response:
        scheme = own_origin(request)
        if scheme is None:
            return not_ours()
        response = json(await self._view(request, None))
        clear_session(response, scheme)
        if token := page_token(request):
            with suppress(AccountBlocked):  # the sessions of a banned user have ended already
                await self._platform.accounts.sessions.end(token)
        return response

    def _chosen(self, fields: dict[str, object]) -> tuple[Way, str]:
        for field, way in self._ways.items():
            value = as_text(fields.get(field))
            if isinstance(value, str) and value:
                if len(value) > LONGEST:
                    raise MalformedRequest(f"{field} may have at most {LONGEST} characters.")
                return way, value
        raise MalformedRequest(f"Please fill in: {' or '.join(way.label.lower() for way in self._ways.values())}.")

    async def _view(self, request: web.Request, user: User | None) -> SessionView:
        return SessionView(
            user=await self._me(request, user) if user else None,
            ways=self._views,
            providers=self._providers,
            sandbox=self._platform.payments.sandbox is not None,
        )

    async def _me(self, request: web.Request, user: User) -> Me:
        owned = await wallet(self._platform.database, user.id)
        picture = request_urls(request, self._platform).media(user.profile_pic)
        return Me(user.id, user.username, user.full_name, picture, owned.total)


def not_ours() -> web.Response:
    return json({"message": "This request does not come from one of our pages. Please reload the page."}, NOT_OURS)
