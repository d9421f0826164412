"""With what MediaMTX's control API is used. MediaMTX asks the hooks listener who may: whoever uses the API runs commands as MediaMTX's user."""

from __future__ import annotations

import hashlib
import hmac

from aiohttp import encode_basic_auth

API_USER = "stagedoor"
_LABEL = b"stagedoor control api"


def api_password(hook_secret: str) -> str:
    """Derived, so that nothing more is stored, and who knows it does not know the hook secret."""
    return hmac.digest(hook_secret.encode(), _LABEL, hashlib.sha256).hex()


def api_authorization(password: str) -> dict[str, str]:
    return {"Authorization": encode_basic_auth(API_USER, password)}
