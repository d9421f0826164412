"""How our own probe is let in to streams that are not public: a key of one stream that opens it for a minute or two, for reading only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import time
from collections.abc import Callable

from control_plane.base.ids import StreamId
from control_plane.config.secrets import Keyring, Secret
from control_plane.streams.probing.model import ProbeKey

LIFE_S = 60
"""Valid in the minute of its making and in the next: longer than any probe takes to knock."""
_LENGTH = 44
"""One character that names the secret, and 43 of base64url(HMAC-SHA256)."""


class ProbeKeys:
    """Issues and verifies them, with the playback secret. `clock`: seconds since 1970, in step between machines."""

    def __init__(self, keyring: Keyring, clock: Callable[[], float] = time.time) -> None:
        self._keyring = keyring
        self._clock = clock

    def issue(self, stream_id: StreamId, salt: bytes) -> ProbeKey:
        """`salt`: of the stream's row, as in its stream key."""
        return _compute(self._keyring.signing, stream_id, salt, self._minute())

    def verify(self, key: str, stream_id: StreamId, salt: bytes) -> bool:
        """In constant time as to the key. Any text is taken, only a key of this stream and of now passes."""
        if len(key) != _LENGTH or not key.isascii():
            return False
        secret = self._keyring.get(key[0])
        if secret is None:
            return False
        minute = self._minute()
        passing = [hmac.compare_digest(key, _compute(secret, stream_id, salt, made)) for made in (minute, minute - 1)]
        return any(passing)

    def _minute(self) -> int:
        return int(self._clock()) // LIFE_S


def _compute(secret: Secret, stream_id: StreamId, salt: bytes, minute: int) -> ProbeKey:
    message = b"probe/v2\0" + struct.pack(">Qq", stream_id, minute) + salt
    digest = hmac.new(secret.value, message, hashlib.sha256).digest()
    return ProbeKey(secret.key_id + base64.urlsafe_b64encode(digest).decode().rstrip("="))
