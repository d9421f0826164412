"""Probe keys: admit this installation's probes to streams that are not public. A key opens one stream for reading, for
a minute or two."""

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
"""A key is valid in the minute in which it was issued and in the next. Larger: a leaked key is valid for longer.
Smaller: it may expire before the probe connects."""
_LENGTH = 44
"""One character that names the secret, and 43 of base64url(HMAC-SHA256)."""


class ProbeKeys:
    """Issues and verifies probe keys, with the playback secret. `clock`: seconds since 1970, synchronised between
    machines."""

    def __init__(self, keyring: Keyring, clock: Callable[[], float] = time.time) -> None:
        self._keyring = keyring
        self._clock = clock

    def issue(self, stream_id: StreamId, salt: bytes) -> ProbeKey:
        """`salt`: that of the stream's row, as in its stream key."""
        return _compute(self._keyring.signing, stream_id, salt, self._minute())

    def verify(self, key: str, stream_id: StreamId, salt: bytes) -> bool:
        """Constant time in the key. Accepts any text; True only for a key of this stream that has not expired."""
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
