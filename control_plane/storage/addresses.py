"""Signed addresses of private files. An address opens one file for some minutes, and ends with the file or with a new
salt in its row."""

from __future__ import annotations

import time
from collections.abc import Callable

from control_plane.base.signing import Keyring

LIFE_S = 600
"""Larger: a leaked address is good for longer. Smaller: players that load a long file in ranges lose it."""


class Addresses:
    """Signs and verifies, with the playback secret. `clock`: seconds since 1970."""

    def __init__(self, keyring: Keyring, clock: Callable[[], float] = time.time) -> None:
        self._keyring = keyring
        self._clock = clock

    def path(self, name: str, salt: bytes, life_s: int = LIFE_S) -> str:
        """The path and the query of the address. Its end is rounded up, so that an address stays the same for a while
        and a client can cache what it read."""
        expires = (int(self._clock()) // life_s + 2) * life_s
        return f"/files/{name}?expires={expires}&signature={self._keyring.signing.sign(_message(name, salt, expires))}"

    def verify(self, name: str, salt: bytes, expires: str, signature: str) -> bool:
        if not (expires.isascii() and expires.isdecimal()) or len(expires) > 12 or int(expires) <= self._clock():
            return False
        return self._keyring.verify(signature, _message(name, salt, int(expires)))


def _message(name: str, salt: bytes, expires: int) -> bytes:
    return b"file/v1\0" + f"{expires}\0{name}\0".encode() + salt
