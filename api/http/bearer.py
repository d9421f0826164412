"""The bearer token in a request's `Authorization` header (RFC 6750)."""

from __future__ import annotations

from aiohttp import web


def bearer_token(request: web.BaseRequest) -> str | None:
    """None: the header is missing or has another scheme. The token may be empty or any other text."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
