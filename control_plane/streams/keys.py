"""Stream keys: computed, not stored. Whoever has the secret can check one without asking anybody."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import struct
from typing import NewType

from control_plane.ids import StreamId, UserId
from control_plane.secrets import Keyring, Secret

StreamKey = NewType("StreamKey", str)

LENGTH = 44
"""One character that names the secret, and 43 of base64url(HMAC-SHA256)."""


class StreamKeys:
    """Issues and verifies the keys that let a publisher in."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def issue(self, stream_id: StreamId, version: int) -> StreamKey:
        return _compute(self._keyring.signing, stream_id, version)

    def verify(self, key: str, stream_id: StreamId, version: int) -> bool:
        """In constant time as to the key. Any text is taken, only the very key passes."""
        if len(key) != LENGTH or not key.isascii():
            return False
        secret = self._keyring.get(key[0])
        return secret is not None and hmac.compare_digest(key, _compute(secret, stream_id, version))

    def pin_hash(self, user_id: UserId, pin: str) -> str:
        """How the PIN of a user's stream is kept. Ten thousand guesses break any hash of four digits, a slow one too: here they need the
        server's secret as well."""
        secret = self._keyring.signing
        message = b"pin/v1\0" + struct.pack(">Q", user_id) + pin.encode()
        return secret.key_id + _encoded(hmac.new(secret.value, message, hashlib.sha256).digest())


@functools.lru_cache(maxsize=20_000)  # asked for at every attempt to publish, inside the media server's one loop
def _compute(secret: Secret, stream_id: StreamId, version: int) -> StreamKey:
    message = b"publish/v1\0" + struct.pack(">QI", stream_id, version)
    digest = hmac.new(secret.value, message, hashlib.sha256).digest()
    return StreamKey(secret.key_id + _encoded(digest))


def _encoded(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
