"""Counting views: one per viewer, video and half hour, with the time that was watched."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

from control_plane.base.clock import Clock, utc_now
from control_plane.base.signing import Keyring
from control_plane.db.pool import Database
from control_plane.social.model import Viewer
from control_plane.videos.video import VideoId
from control_plane.videos.views import store

HALF_HOUR_S = 1_800
MOST_MS = HALF_HOUR_S * 1_000
"""Of one view: a viewer has no more time in half an hour."""
GUESTS_PER_ADDRESS = 64
"""Guests of one address whose views of a video count in half an hour. More: a client that invents devices adds more views.
Fewer: guests behind the address of a mobile network count as one."""


class Views:
    """`keyring`: what identifies a guest is stored as a hash with its secret, so that it does not reveal an address."""

    def __init__(self, database: Database, keyring: Keyring, clock: Clock = utc_now) -> None:
        self._database = database
        self._keyring = keyring
        self._clock = clock

    async def record(self, watched: Mapping[VideoId, int], user_id: Viewer, address: str, device_id: str) -> None:
        """Add views of these videos, with the milliseconds of each. `address`, `device_id`: of a guest."""
        viewer = user_id.to_bytes(4) if user_id is not None else self._guest(address, device_id)
        capped = {video_id: max(0, min(ms, MOST_MS)) for video_id, ms in watched.items()}
        half_hour = int(self._clock().timestamp()) // HALF_HOUR_S
        await store.record(self._database, capped, viewer, half_hour, user_id, MOST_MS)

    def _guest(self, address: str, device_id: str) -> bytes:
        number = self._hash(f"device\0{device_id}")[0] % GUESTS_PER_ADDRESS
        return self._hash(f"guest\0{address}\0{number}")[:12]

    def _hash(self, text: str) -> bytes:
        return hmac.digest(self._keyring.signing.value, text.encode(), hashlib.sha256)
