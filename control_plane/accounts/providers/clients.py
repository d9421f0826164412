"""OAuth clients: this server's own credentials at Google and Apple, with which it exchanges authorization codes for
tokens (RFC 6749, RFC 7636) and revokes Apple's."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from control_plane.accounts.providers.id_tokens import InvalidIdToken
from control_plane.accounts.providers.key_set import DEADLINE_S, KeysUnavailable
from control_plane.base.bounded_answer import read_whole
from control_plane.base.clock import utc_now
from control_plane.config.declare import InvalidSettings
from control_plane.config.providers import Apple, Providers
from control_plane.db.text import is_storable

log = logging.getLogger(__name__)

LARGEST_ANSWER = 64 * 1024
SECRET_LIFETIME = dt.timedelta(minutes=5)
"""Of a client secret for Apple, which is signed for each request. Longer: one that leaks is useful for longer. Shorter:
a wrong clock makes it invalid."""


@dataclass(frozen=True, slots=True)
class Tokens:
    id_token: str
    refresh_token: str
    """Empty: the provider gave none."""


@dataclass(frozen=True, slots=True)
class OAuthClient:
    name: str
    """As in `social` of registerUser."""
    title: str
    client_id: str
    """Of the web pages. Empty: the pages have no button."""
    secret_for: Callable[[str], str] = field(repr=False)
    """The client secret of a client id."""
    authorize_url: str
    token_url: str
    parameters: Mapping[str, str]
    """Of the authorization request."""
    revoke_url: str = ""

    def authorization_url(self, *, redirect_uri: str, state: str, nonce: str, challenge: str) -> str:
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": redirect_uri,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **self.parameters,
        }
        separator = "&" if "?" in self.authorize_url else "?"
        return f"{self.authorize_url}{separator}{urlencode(query)}"

    async def exchange(self, code: str, client_id: str = "", **more: str) -> Tokens:
        """The tokens for an authorization code. `client_id`: empty for the pages' own. `more`: the redirect URI and the
        code verifier of the pages. Raises InvalidIdToken, KeysUnavailable."""
        form = {"grant_type": "authorization_code", "code": code, **more}
        answer = await self._post(self.token_url, client_id or self.client_id, form)
        tokens = {name: answer.get(name, "") for name in ("id_token", "refresh_token")}
        if not all(isinstance(token, str) for token in tokens.values()) or not tokens["id_token"]:
            raise InvalidIdToken(self.title)
        return Tokens(**tokens)

    async def revoke(self, refresh_token: str, client_id: str) -> None:
        """Raises KeysUnavailable. A token that is not valid any more counts as revoked."""
        form = {"token": refresh_token, "token_type_hint": "refresh_token"}
        try:
            await self._post(self.revoke_url, client_id, form)
        except InvalidIdToken:
            log.info("provider_token_not_valid", extra={"provider": self.name})

    async def _post(self, url: str, client_id: str, form: Mapping[str, str]) -> Mapping[str, Any]:
        data = {**form, "client_id": client_id, "client_secret": self.secret_for(client_id)}
        timeout = aiohttp.ClientTimeout(total=DEADLINE_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(url, data=data, allow_redirects=False) as response,
            ):
                body, status = await read_whole(response, LARGEST_ANSWER), response.status
        except (TimeoutError, OSError, aiohttp.ClientError) as error:
            log.warning("provider_away", extra={"provider": self.name, "why": type(error).__name__})
            raise KeysUnavailable from None
        except ValueError:
            log.warning("provider_refused", extra={"provider": self.name, "why": "the answer is too large"})
            raise InvalidIdToken(self.title) from None
        if status >= 500 or status == 429 or 300 <= status < 400:  # a redirect would take the credentials elsewhere
            log.warning("provider_away", extra={"provider": self.name, "why": status})
            raise KeysUnavailable
        answer = _parsed(body)
        if status != 200:
            log.warning("provider_refused", extra={"provider": self.name, "why": str(answer.get("error", status))[:60]})
            raise InvalidIdToken(self.title)
        return answer


def _parsed(body: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(body or b"{}")
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) and is_storable(answer) else {}


def oauth_clients(settings: Providers) -> dict[str, OAuthClient]:
    """The clients that are configured, by name. Raises InvalidSettings if Apple's private key cannot be read."""
    google, apple = settings.google, settings.apple
    found = {}
    if google.web_client_id and google.client_secret:
        found["google"] = OAuthClient(
            name="google",
            title="Google",
            client_id=google.web_client_id,
            secret_for=lambda client_id: google.client_secret,
            authorize_url=google.authorize_url,
            token_url=google.token_url,
            parameters={"scope": "openid email profile"},
        )
    if apple.team_id and apple.key_id and apple.private_key_file:
        found["apple"] = OAuthClient(
            name="apple",
            title="Apple",
            client_id=apple.web_client_id,
            secret_for=partial(_apple_secret, apple, _private_key(apple.private_key_file)),
            authorize_url=apple.authorize_url,
            token_url=apple.token_url,
            # Apple sends name and address only in a form that the browser posts to us.
            parameters={"scope": "name email", "response_mode": "form_post"},
            revoke_url=apple.revoke_url,
        )
    return found


def _private_key(path: str) -> EllipticCurvePrivateKey:
    variable = "LIVE_PROVIDERS_APPLE_PRIVATE_KEY_FILE"
    try:
        key = load_pem_private_key(Path(path).expanduser().read_bytes(), password=None)
    except OSError as error:
        raise InvalidSettings(f"{variable}: {path} cannot be read: {error.strerror}.") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, EllipticCurvePrivateKey):
        raise InvalidSettings(f"{variable}: {path} holds no private key of Apple's. Use the file AuthKey_….p8.")
    return key


def _apple_secret(apple: Apple, private_key: EllipticCurvePrivateKey, client_id: str) -> str:
    now = utc_now()
    claims = {
        "iss": apple.team_id,
        "iat": now,
        "exp": now + SECRET_LIFETIME,
        "aud": apple.issuer,
        "sub": client_id,
    }
    return jwt.encode(claims, private_key, algorithm="ES256", headers={"kid": apple.key_id})
