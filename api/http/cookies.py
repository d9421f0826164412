"""Who is signed in on our pages: a session token in a cookie that scripts cannot read, and that counts only where our own pages ask.

A browser adds the cookie to whatever request goes to us, whoever caused it. So it is believed only when the Origin that the browser names is
ours: the host that the request was sent to, or that of LIVE_PUBLIC_URL. A page's own GET may name none: it changes nothing, and other origins
cannot read what it is answered.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

PLAIN = "stagedoor"
SECURE = "__Host-stagedoor"
"""Over https: a name that browsers take from the very host only, and only with the Secure attribute."""
PUBLIC_URL = web.AppKey("PUBLIC_URL", str)
"""Of the application: where a proxy stands in front of us, which may send another Host than browsers ask for. Empty: there is none."""

_FROM_A_PAGE_OF_OURS = {"same-origin", "none", None}
"""`Sec-Fetch-Site`. None: a browser on a plain-http address that is not loopback does not say."""


def own_origin(request: web.Request) -> str | None:
    """The scheme of the request's Origin if that is ours, else None. Browsers name one in every POST and DELETE and for every WebSocket."""
    origin = request.headers.get("Origin", "")
    scheme, _, host = origin.partition("://")
    if scheme in ("http", "https") and host and (host == request.host or origin == request.app.get(PUBLIC_URL)):
        return scheme
    return None


def page_token(request: web.Request) -> str | None:
    """The session token in the page's cookie, where it counts; it may have expired."""
    token = next((request.cookies[name] for name in _counting(request) if name in request.cookies), "")
    return token if token and token.isascii() else None


def _counting(request: web.Request) -> Sequence[str]:
    """The names of the cookies that count for this request."""
    if "Origin" in request.headers:
        return {"https": (SECURE,), "http": (PLAIN,)}.get(own_origin(request) or "", ())
    asks_only = request.method in ("GET", "HEAD") and "Upgrade" not in request.headers
    return (SECURE, PLAIN) if asks_only and request.headers.get("Sec-Fetch-Site") in _FROM_A_PAGE_OF_OURS else ()


def keep(response: web.StreamResponse, token: str, scheme: str, ttl_s: int) -> None:
    """`scheme`: by which the browser reached us, from `own_origin`."""
    secure = scheme == "https"
    response.set_cookie(
        SECURE if secure else PLAIN, token, max_age=ttl_s, path="/", httponly=True, samesite="Strict", secure=secure
    )


def forget(response: web.StreamResponse, scheme: str) -> None:
    keep(response, "", scheme, 0)
