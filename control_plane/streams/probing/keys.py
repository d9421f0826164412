"""Probe keys: admit this installation's probes to streams that are not public. A key opens one stream for reading, for
a minute or two."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

from control_plane.base.ids import StreamId
from control_plane.base.signing import Keyring
from control_plane.streams.probing.model import ProbeKey

LIFE_S = 60
"""A key is valid in the minute in which it was issued and in the next. Larger: a leaked key is valid for longer.
Smaller: it may expire before the probe connects."""


class ProbeKeys:
    """Issues and verifies probe keys, with the playback secret. `clock`: seconds since 1970, synchronised between
    machines."""

    def __init__(self, keyring: Keyring, clock: Callable[[], float] = time.time) -> None:
        self._keyring = keyring
        self._clock = clock

    def issue(self, stream_id: StreamId, salt: bytes) -> ProbeKey:
        """`salt`: that of the stream's row, as in its stream key."""
        return ProbeKey(self._keyring.signing.sign(_message(stream_id, salt, self._minute())))

    def verify(self, key: str, stream_id: StreamId, salt: bytes) -> bool:
        """Constant time in the key. Accepts any text; True only for a key of this stream that has not expired."""
        minute = self._minute()
        made = (_message(stream_id, salt, minute), _message(stream_id, salt, minute - 1))
        return any(self._keyring.verify(key, message) for message in made)

    def _minute(self) -> int:
        return int(self._clock()) // LIFE_S


def _message(stream_id: StreamId, salt: bytes, minute: int) -> bytes:
    return b"probe/v2\0" + struct.pack(">Qq", stream_id, minute) + salt
