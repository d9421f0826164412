"""Signed addresses of private files. An address opens one file for some minutes, and ends with the file or with a new
salt in its row."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable

from control_plane.config.secrets import Keyring, Secret

LIFE_S = 600
"""Larger: a leaked address is good for longer. Smaller: players that load a long file in ranges lose it."""
_LENGTH = 44


class Addresses:
    """Signs and verifies, with the playback secret. `clock`: seconds since 1970."""

    def __init__(self, keyring: Keyring, clock: Callable[[], float] = time.time) -> None:
        self._keyring = keyring
        self._clock = clock

    def path(self, name: str, salt: bytes, life_s: int = LIFE_S) -> str:
        """The path and the query of the address. Its end is rounded up, so that an address stays the same for a while
        and a client can cache what it read."""
        expires = (int(self._clock()) // life_s + 2) * life_s
        return f"/files/{name}?expires={expires}&signature={_signature(self._keyring.signing, name, salt, expires)}"

    def verify(self, name: str, salt: bytes, expires: str, signature: str) -> bool:
        if len(signature) != _LENGTH or not signature.isascii() or not (expires.isascii() and expires.isdecimal()):
            return False
        secret = self._keyring.get(signature[0])
        if secret is None or len(expires) > 12 or int(expires) <= self._clock():
            return False
        return hmac.compare_digest(signature, _signature(secret, name, salt, int(expires)))


def _signature(secret: Secret, name: str, salt: bytes, expires: int) -> str:
    digest = hmac.new(secret.value, b"file/v1\0" + f"{expires}\0{name}\0".encode() + salt, hashlib.sha256).digest()
    return secret.key_id + base64.urlsafe_b64encode(digest).decode().rstrip("=")
