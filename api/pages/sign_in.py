"""`/session`: sign-in and sign-out on our pages, and who is signed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec
from aiohttp import web

from api.contract.client import Client
from api.contract.platform import Platform
from api.contract.request import MalformedRequest, as_text, decode_object, read_body
from api.http.address import client_address, limit_key
from api.http.bearer import bearer_token
from api.http.cookies import clear_session, own_origin, page_token, set_session
from api.pages.answers import json, page_use, request_urls
from api.pages.shop import StoreOfPages, store_of_pages
from api.pages.sign_in_ways import WAYS, Values, Visit, Way
from control_plane.accounts.caller import Caller
from control_plane.accounts.claims import Requester
from control_plane.accounts.sessions import AccountBlocked
from control_plane.accounts.store import by_ids
from control_plane.accounts.user import User
from control_plane.base.ids import UserId
from control_plane.delivery.contacts import Channel
from control_plane.ledger.wallets import wallet
from control_plane.live.audience import viewer_of
from control_plane.social.model import Viewer

LONGEST = 2000
"""Characters of one value."""
LARGEST_BODY = 8 * 1024
"""Bytes of a sign-in request, which has three values at most."""
NOT_OURS = 403


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
    """`user` is null for guests. `sandbox` is true in development mode."""

    user: Me | None
    ways: Sequence[str]
    """Names of the ways to sign in, the preferred one first."""
    channels: Sequence[Channel]
    """What this server can send codes to."""
    providers: Sequence[ProviderView]
    sandbox: bool
    shop: StoreOfPages
    """Where pages buy coins."""
    came_back: bool
    """Whether this sign-in has brought a deleted account back."""


class SignInPages:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._ways = [way for way in WAYS if way.is_offered(platform)]
        self._providers = [
            ProviderView(client.name, client.title, f"/session/{client.name}")
            for client in platform.accounts.page_flow.clients.values()
        ]

    async def caller(self, request: web.Request) -> Caller | None:
        """The signed-in user, or None. Raises AccountBlocked."""
        token = page_token(request)
        return await self._platform.accounts.sessions.identify(token) if token else None

    async def viewer(self, request: web.Request) -> Viewer:
        """The user whose blocks decide what the page shows. None for guests, banned users and operators."""
        try:
            return viewer_of(await self.caller(request))
        except AccountBlocked:
            return None

    async def hidden_hosts(self, request: web.Request) -> frozenset[UserId]:
        """The users whose streams the list hides, because they have a block with the caller: signed in on a page, or in an
        app. Without a query for most callers."""
        token = bearer_token(request) or page_token(request)
        accounts, social = self._platform.accounts, self._platform.social
        user_id = accounts.sessions.names(token) if token else None
        hidden = await social.blocked_users.of(user_id)
        if not hidden or token is None:
            return hidden
        try:
            caller = await accounts.sessions.identify(token)
        except AccountBlocked:
            caller = None
        return frozenset() if viewer_of(caller) is None else hidden

    async def show(self, request: web.Request) -> web.Response:
        try:
            if caller := await self.caller(request):
                self._platform.accounts.last_uses.note(caller, lambda: page_use(request, self._platform))
        except AccountBlocked:  # shown as signed out, so that another user can sign in
            caller = None
        user = (await by_ids(self._platform.database, [caller.user_id])).get(caller.user_id) if caller else None
        return json(await self._view(request, user))

    async def enter(self, request: web.Request) -> web.Response:
        scheme = own_origin(request)
        if scheme is None:
            return not_ours()
        fields = decode_object(await read_body(request.clone(client_max_size=LARGEST_BODY)))
        way, values = self._chosen(fields)
        own, token = await way.enter(self._platform, values, self._visit(request))
        response = json(await self._view(request, own.user, came_back=own.came_back))
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

    def _chosen(self, fields: Mapping[str, object]) -> tuple[Way, Values]:
        """Raises MalformedRequest."""
        for way in self._ways:
            values = {field: _text(fields, field) for field in way.fields}
            if not values[way.fields[0]]:
                continue
            if missing := next((field for field, value in values.items() if not value), ""):
                raise MalformedRequest(f"{missing} is missing.")
            return way, values
        raise MalformedRequest(f"Please send {' or '.join(way.fields[0] for way in self._ways)}.")

    def _visit(self, request: web.Request) -> Visit:
        address = client_address(request, self._platform.settings.trusted_proxies)
        return Visit(page_use(request, self._platform), Requester(limit_key(address), Client.DOCUMENT.value))

    async def _view(self, request: web.Request, user: User | None, *, came_back: bool = False) -> SessionView:
        return SessionView(
            user=await self._me(request, user) if user else None,
            ways=[way.name for way in self._ways],
            channels=sorted(self._platform.accounts.messenger.channels),
            providers=self._providers,
            sandbox=self._platform.payments.sandbox is not None,
            shop=store_of_pages(self._platform),
            came_back=came_back,
        )

    async def _me(self, request: web.Request, user: User) -> Me:
        owned = await wallet(self._platform.database, user.id)
        picture = request_urls(request, self._platform).media(user.profile_pic)
        return Me(user.id, user.username, user.full_name, picture, owned.total)


def not_ours() -> web.Response:
    return json({"message": "This request does not come from one of our pages. Please reload the page."}, NOT_OURS)


def _text(fields: Mapping[str, object], field: str) -> str:
    """The value, "" without one. Raises MalformedRequest."""
    value = as_text(fields.get(field))
    if not isinstance(value, str):
        return ""
    if len(value) > LONGEST:
        raise MalformedRequest(f"{field} may have at most {LONGEST} characters.")
    return value
