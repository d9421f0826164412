"""Sign-in with a provider on our pages: the authorization code flow of OpenID Connect with PKCE, state and nonce.

What has to be kept until the browser returns is in a signed cookie of that browser: a callback that another site
starts, or that comes to another browser, has no cookie that fits and is refused.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from control_plane.accounts.providers.clients import OAuthClient, Tokens
from control_plane.base.clock import Clock, utc_now
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.signing import Keyring, base64url

LIFETIME_S = 600
"""How long the browser may stay at the provider. Longer: a stolen cookie is useful for longer. Shorter: users who have
to find their password start again."""
_PREFIX = b"stagedoor page flow/v1\0"


class FlowLost(ControlPlaneError):
    """The callback does not belong to a sign-in that this browser has begun in the last minutes."""

    code = "flow_lost"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("This sign-in was not begun in this browser, or took too long. Please try again.")


class UnknownProvider(ControlPlaneError):
    code = "unknown_provider"
    kind = ErrorKind.NOT_FOUND

    def __init__(self) -> None:
        super().__init__("This server is not set up for that sign-in.")


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    provider: str
    state: str
    nonce: str
    verifier: str
    next: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class Begun:
    url: str
    """Of the provider's page."""
    cookie: str


@dataclass(frozen=True, slots=True)
class Returned:
    tokens: Tokens
    nonce: str
    next: str


class PageFlow:
    def __init__(self, clients: Mapping[str, OAuthClient], keyring: Keyring, clock: Clock = utc_now) -> None:
        self.clients = {name: client for name, client in clients.items() if client.client_id}
        self._keyring = keyring
        self._clock = clock

    def begin(self, provider: str, redirect_uri: str, next_: str) -> Begun:
        """`next_`: the path of the page to return to. Raises UnknownProvider."""
        client = self._client(provider)
        kept = _Kept(
            provider,
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            next=next_,
            expires_at=self._clock().timestamp() + LIFETIME_S,
        )
        challenge = base64url(hashlib.sha256(kept.verifier.encode()).digest())
        url = client.authorization_url(
            redirect_uri=redirect_uri, state=kept.state, nonce=kept.nonce, challenge=challenge
        )
        return Begun(url, self._signed(kept))

    async def finish(self, provider: str, cookie: str, state: str, code: str, redirect_uri: str) -> Returned:
        """Exchange the code for tokens. Raises UnknownProvider, FlowLost, InvalidIdToken, KeysUnavailable."""
        client = self._client(provider)
        kept = self._read(cookie)
        if (
            kept is None
            or kept.provider != provider
            or kept.expires_at <= self._clock().timestamp()
            or not hmac.compare_digest(kept.state.encode(), state.encode())
            or not code
        ):
            raise FlowLost
        tokens = await client.exchange(code, redirect_uri=redirect_uri, code_verifier=kept.verifier)
        return Returned(tokens, kept.nonce, kept.next)

    def _client(self, provider: str) -> OAuthClient:
        client = self.clients.get(provider)
        if client is None:
            raise UnknownProvider
        return client

    def _signed(self, kept: _Kept) -> str:
        text = base64url(msgspec.json.encode(kept))
        return f"{text}.{self._keyring.signing.sign(_PREFIX + text.encode())}"

    def _read(self, cookie: str) -> _Kept | None:
        text, _, signature = cookie.partition(".")
        if not text.isascii() or not self._keyring.verify(signature, _PREFIX + text.encode()):
            return None
        return msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=_Kept)
