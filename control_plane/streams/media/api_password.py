"""Credentials of MediaMTX's control API. MediaMTX asks the hooks listener to verify them, because a client of this API
can run commands as MediaMTX's user."""

from __future__ import annotations

import hashlib
import hmac

from aiohttp import encode_basic_auth

API_USER = "stagedoor"
_LABEL = b"stagedoor control api"


def api_password(hook_secret: str) -> str:
    """Derived from the hook secret, so nothing more is stored. The hook secret cannot be computed from it."""
    return hmac.digest(hook_secret.encode(), _LABEL, hashlib.sha256).hex()


def api_authorization(password: str) -> dict[str, str]:
    return {"Authorization": encode_basic_auth(API_USER, password)}
