"""The session cookie of our pages, and its protection against cross-site requests (CSRF).

The cookie holds a session token and is HttpOnly. A browser sends it with every request to this server, including
requests that another site causes. So the cookie is accepted only if the request's Origin is ours: the host that the
request was sent to, or LIVE_PUBLIC_URL. A GET may have no Origin: it changes nothing, and other origins cannot read its
response.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

PLAIN = "stagedoor"
SECURE = "__Host-stagedoor"
"""The cookie's name over https. Browsers accept the prefix `__Host-` only from the host itself and with `Secure`."""
PUBLIC_URL = web.AppKey("PUBLIC_URL", str)
"""Application key: LIVE_PUBLIC_URL, for a server behind a proxy that changes the Host header. Empty without a proxy."""

_FROM_A_PAGE_OF_OURS = {"same-origin", "none", None}
"""Accepted values of `Sec-Fetch-Site`. None: browsers leave it out on plain http, except on loopback."""


def own_origin(request: web.Request) -> str | None:
    """The scheme of the request's Origin if the Origin is ours, else None. Browsers send an Origin with every POST,
    DELETE and WebSocket."""
    origin = request.headers.get("Origin", "")
    scheme, _, host = origin.partition("://")
    if scheme in ("http", "https") and host and (host == request.host or origin == request.app.get(PUBLIC_URL)):
        return scheme
    return None


def page_token(request: web.Request) -> str | None:
    """The session token in the cookie, if the request may use it; else None. The token may have expired."""
    token = next((request.cookies[name] for name in _usable_names(request) if name in request.cookies), "")
    return token if token and token.isascii() else None


def _usable_names(request: web.Request) -> Sequence[str]:
    """The names of the cookies that this request may use, the preferred one first."""
    if "Origin" in request.headers:
        return {"https": (SECURE,), "http": (PLAIN,)}.get(own_origin(request) or "", ())
    asks_only = request.method in ("GET", "HEAD") and "Upgrade" not in request.headers
    return (SECURE, PLAIN) if asks_only and request.headers.get("Sec-Fetch-Site") in _FROM_A_PAGE_OF_OURS else ()


def set_session(response: web.StreamResponse, token: str, scheme: str, ttl_s: int) -> None:
    """Set the cookie. `scheme` is the one that the browser uses, from `own_origin`."""
    secure = scheme == "https"
    response.set_cookie(
        SECURE if secure else PLAIN, token, max_age=ttl_s, path="/", httponly=True, samesite="Strict", secure=secure
    )


FLOW, SECURE_FLOW = "stagedoor-sign-in", "__Host-stagedoor-sign-in"


def set_flow(response: web.StreamResponse, value: str, scheme: str, ttl_s: int) -> None:
    """Set the cookie of a sign-in that is at a provider. SameSite=Lax, because the browser returns from another site."""
    secure = scheme == "https"
    name = SECURE_FLOW if secure else FLOW
    response.set_cookie(name, value, max_age=ttl_s, path="/", httponly=True, samesite="Lax", secure=secure)


def flow_cookie(request: web.Request, scheme: str) -> str:
    return request.cookies.get(SECURE_FLOW if scheme == "https" else FLOW, "")


def clear_session(response: web.StreamResponse, scheme: str) -> None:
    set_session(response, "", scheme, 0)
