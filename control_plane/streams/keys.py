"""Stream keys: signed with HMAC, computed when needed, not stored.

A key is signed over the id and version of its stream and over a random salt of the stream's row. A restored backup
gives out the same ids again. The salt of the new row differs, so keys of the old row are invalid. The key carries the
salt. So a process with the secret can verify the signature without the database, and compares the salt once it has the
row.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import struct
from typing import NewType

from control_plane.base.ids import StreamId
from control_plane.config.secrets import Keyring, Secret

StreamKey = NewType("StreamKey", str)

SALT_BYTES = 6
_SALT_END = 1 + 8
LENGTH = _SALT_END + 43
"""One character that names the secret, 8 of base64url(salt), and 43 of base64url(HMAC-SHA256)."""


class StreamKeys:
    """Issues and verifies stream keys."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def issue(self, stream_id: StreamId, version: int, salt: bytes) -> StreamKey:
        return _remembered(self._keyring.signing, stream_id, version, salt)

    def verify(self, key: str, stream_id: StreamId, version: int, salt: bytes) -> bool:
        """Constant time in the key. Accepts any text; True only for the valid key."""
        secret = self._secret_of(key)
        return secret is not None and hmac.compare_digest(key, _remembered(secret, stream_id, version, salt))

    def made_by_us(self, key: str, stream_id: StreamId, version: int) -> bool:
        """Whether the key was signed for a stream that has or had this id. It admits nothing before `verify` has
        compared the row's salt."""
        secret = self._secret_of(key)
        if secret is None:
            return False
        try:
            salt = base64.b64decode(key[1:_SALT_END], altchars=b"-_", validate=True)
        except ValueError:
            return False
        # The client chooses this salt: caching it would let strangers evict the entries that are used often.
        return hmac.compare_digest(key, _compute(secret, stream_id, version, salt))

    def _secret_of(self, key: str) -> Secret | None:
        return self._keyring.get(key[0]) if len(key) == LENGTH and key.isascii() else None


def _compute(secret: Secret, stream_id: StreamId, version: int, salt: bytes) -> StreamKey:
    message = b"publish/v2\0" + struct.pack(">QI", stream_id, version) + salt
    digest = hmac.new(secret.value, message, hashlib.sha256).digest()
    return StreamKey(secret.key_id + _text(salt) + _text(digest))


_remembered = functools.lru_cache(maxsize=20_000)(_compute)
"""Cache of computed keys: each attempt to publish needs one while the media server's event loop waits. Larger: more
memory. Smaller: keys are computed again in that time."""


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
