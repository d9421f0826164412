"""`/session/<provider>`: sign-in with Google or Apple on our pages. The browser goes to the provider's page and returns to
`/session/<provider>/callback` with an authorization code."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit

from aiohttp import web

from api.contract.platform import Platform
from api.contract.request import MalformedRequest, as_text, decode_object, read_body
from api.http.cookies import flow_cookie, set_flow, set_session
from api.http.local_path import local_path
from api.pages.account import BROUGHT_BACK
from api.pages.answers import page_use, request_urls
from api.pages.html import Html
from control_plane.accounts.claims import Claims
from control_plane.accounts.providers import apple
from control_plane.accounts.providers.page_flow import LIFETIME_S, Returned, UnknownProvider

CALLBACK = "/session/{provider}/callback"
"""Apple's page posts to it, so it takes requests of other sites. A post only redirects, and the cookie decides."""
LONGEST_NAME = 100
LONGEST_VALUE = 4096
"""Characters of a code, a state or Apple's record of the user. More: larger URLs than servers accept."""


class ProviderSignIn:
    def __init__(self, platform: Platform, html: Html) -> None:
        self._platform = platform
        self._flow = platform.accounts.page_flow
        self._html = html

    async def begin(self, request: web.Request) -> web.Response:
        """Redirect to the provider's page."""
        base = urlsplit(request_urls(request, self._platform).base)
        provider = self._provider(request)
        # The cookie must be set for the host to which the provider redirects. Once: a proxy may change the Host header.
        if request.host != base.netloc and "moved" not in request.query:
            query = urlencode({"next": local_path(request.query.get("next", "")), "moved": 1})
            return _redirect(f"{base.scheme}://{base.netloc}/session/{provider}?{query}")
        begun = self._flow.begin(
            provider, self._redirect_uri(request, provider), local_path(request.query.get("next", ""))
        )
        response = _redirect(begun.url)
        set_flow(response, begun.cookie, base.scheme, LIFETIME_S)
        return response

    async def posted(self, request: web.Request) -> web.Response:
        """Apple's form. A form that another site posts comes without cookies, a link is followed with them."""
        provider = self._provider(request)
        body = await read_body(request.clone(client_max_size=4 * LONGEST_VALUE))
        form = dict(parse_qsl(body.decode(errors="replace")))
        fields: dict[str, str] = {
            name: form[name][:LONGEST_VALUE] for name in ("code", "state", "error", "user") if name in form
        }
        return _redirect(f"{CALLBACK.format(provider=provider)}?{urlencode(fields)}")

    async def returned(self, request: web.Request) -> web.Response:
        """Exchange the code, sign the user in, and open the page where the sign-in began."""
        provider, query = self._provider(request), request.query
        if "error" in query:
            return self._html.message(request, "You are not signed in", "The sign-in was cancelled.", 403)
        scheme = urlsplit(request_urls(request, self._platform).base).scheme
        returned = await self._flow.finish(
            provider,
            flow_cookie(request, scheme),
            query.get("state", ""),
            query.get("code", ""),
            self._redirect_uri(request, provider),
        )
        accounts = self._platform.accounts
        own = await accounts.sign_in.sign_in(_claims(returned, query.get("user", "")))
        if provider == apple.NAME:
            await accounts.apple_tokens.keep(
                own.user.id, returned.tokens.refresh_token, accounts.page_flow.clients[provider].client_id
            )
        response = self._html.opened(BROUGHT_BACK if own.came_back else returned.next)
        token = await accounts.sessions.issue(own.user.id, page_use(request, self._platform))
        set_session(response, token, scheme, self._platform.settings.session_ttl_s)
        set_flow(response, "", scheme, 0)
        return response

    def _provider(self, request: web.Request) -> str:
        """Raises UnknownProvider: any other text of a path must not get into an address."""
        name = request.match_info["provider"]
        if name not in self._flow.clients:
            raise UnknownProvider
        return name

    def _redirect_uri(self, request: web.Request, provider: str) -> str:
        return request_urls(request, self._platform).base + CALLBACK.format(provider=provider)


def _claims(returned: Returned, user: str) -> Claims:
    first_name, last_name = _name(user)
    return Claims(auth_token=returned.tokens.id_token, nonce=returned.nonce, first_name=first_name, last_name=last_name)


def _name(user: str) -> tuple[str, str]:
    """Apple sends the name once, at the first sign-in, beside the token."""
    try:
        name = decode_object(user.encode(errors="replace")).get("name")
    except MalformedRequest:
        return "", ""
    parts = (as_text(name.get(part)) if isinstance(name, dict) else "" for part in ("firstName", "lastName"))
    first_name, last_name = (part[:LONGEST_NAME] if isinstance(part, str) else "" for part in parts)
    return first_name, last_name


def _redirect(url: str) -> web.Response:
    return web.Response(status=303, headers={"Location": url, "Cache-Control": "no-store"})
