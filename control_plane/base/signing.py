"""Signed tokens: HMAC-SHA256 under one of a keyring's secrets.

A signature is one character that names the secret, and 43 of base64url. So the newest secret signs, and what older
ones have signed stays valid as long as the keyring holds them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    key_id: str
    """One character. It is the plain prefix of every signature made with this secret."""
    value: bytes

    def sign(self, message: bytes) -> str:
        """The signature of this message. Each kind of token has a prefix of its own in its messages."""
        return self.key_id + base64url(hmac.digest(self.value, message, "sha256"))

    def fingerprint(self) -> bytes:
        return hashlib.sha256(b"stagedoor fingerprint\0" + self.value).digest()


@dataclass(frozen=True, slots=True, repr=False)
class Keyring:
    """The secrets of one purpose, newest first."""

    secrets: tuple[Secret, ...]

    @property
    def signing(self) -> Secret:
        return self.secrets[0]

    def signed_by(self, key_id: str) -> Keyring:
        """The same keyring with the secret `key_id` first, if it is there."""
        return Keyring(tuple(sorted(self.secrets, key=lambda secret: secret.key_id != key_id)))

    def get(self, key_id: str) -> Secret | None:
        return next((secret for secret in self.secrets if secret.key_id == key_id), None)

    def verify(self, signature: str, message: bytes) -> bool:
        """Whether this is the message's signature. Accepts any text, and compares in constant time."""
        return self.made(signature, lambda secret: secret.sign(message))

    def made(self, token: str, make: Callable[[Secret], str]) -> bool:
        """Like `verify`, for a token that holds more than a signature, or that is cached: whether `make` returns it for
        the secret that its first character names."""
        secret = self.get(token[:1])
        return secret is not None and token.isascii() and hmac.compare_digest(token, make(secret))


def base64url(value: bytes) -> str:
    """Without padding."""
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    """Raises ValueError."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
