"""Stream keys: signed with HMAC, computed when needed, not stored.

A key is signed over the id and version of its stream and over a random salt of the stream's row. A restored backup
gives out the same ids again. The salt of the new row differs, so keys of the old row are invalid. The key carries the
salt. So a process with the secret can verify the signature without the database, and compares the salt once it has the
row.
"""

from __future__ import annotations

import functools
import struct
from typing import NewType

from control_plane.base.ids import StreamId
from control_plane.base.signing import Keyring, Secret, base64url, from_base64url

StreamKey = NewType("StreamKey", str)

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
        return self._keyring.made(key, lambda secret: _remembered(secret, stream_id, version, salt))

    def made_by_us(self, key: str, stream_id: StreamId, version: int) -> bool:
        """Whether the key was signed for a stream that has or had this id. It admits nothing before `verify` has
        compared the row's salt."""
        try:
            salt = from_base64url(key[1:_SALT_END])
        except ValueError:
            return False
        # The client chooses this salt: caching it would let strangers evict the entries that are used often.
        return self._keyring.made(key, lambda secret: _compute(secret, stream_id, version, salt))


def _compute(secret: Secret, stream_id: StreamId, version: int, salt: bytes) -> StreamKey:
    signature = secret.sign(b"publish/v2\0" + struct.pack(">QI", stream_id, version) + salt)
    return StreamKey(signature[0] + base64url(salt) + signature[1:])


_remembered = functools.lru_cache(maxsize=20_000)(_compute)
"""Cache of computed keys: each attempt to publish needs one while the media server's event loop waits. Larger: more
memory. Smaller: keys are computed again in that time."""
