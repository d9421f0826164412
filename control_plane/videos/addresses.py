"""Signed addresses of the files of a video. An address opens all files of one video until it ends, until the video is
deleted, or until its row gets a new salt: its owner lets fewer users see it."""

from __future__ import annotations

import time
from collections.abc import Callable

from control_plane.base.signing import Keyring
from control_plane.videos.video import VideoId

PUBLIC_LIFE_S = 86_400
"""At least this long, at most twice. Smaller: phones that cache pictures by their address load them again. Larger: the
addresses of a public video work for longer after a block."""
LIFE_S = 3_600
"""Of the videos that not everybody sees. Smaller: a player that was paused loses its video. Larger: a friend of the past
can play what the address opens for longer."""


class VideoAddresses:
    """Signs and verifies, with the playback secret. `clock`: seconds since 1970."""

    def __init__(self, keyring: Keyring, clock: Callable[[], float] = time.time) -> None:
        self._keyring = keyring
        self._clock = clock

    def folder(self, video_id: VideoId, salt: bytes, *, public: bool) -> str:
        """The path below which the files of the video are. Its end is rounded up, so that it stays the same for a while and
        a client can cache what it read."""
        life_s = PUBLIC_LIFE_S if public else LIFE_S
        expires = (int(self._clock()) // life_s + 2) * life_s
        return f"/videos/{video_id}/{expires}.{self._keyring.signing.sign(_message(video_id, salt, expires))}"

    def verify(self, video_id: VideoId, salt: bytes, mark: str) -> bool:
        """`mark`: the last part of the path of `folder`."""
        expires, _, signature = mark.partition(".")
        if not (expires.isascii() and expires.isdecimal()) or len(expires) > 12 or int(expires) <= self._clock():
            return False
        return self._keyring.verify(signature, _message(video_id, salt, int(expires)))


def _message(video_id: VideoId, salt: bytes, expires: int) -> bytes:
    return b"video/v1\0" + f"{expires}\0{video_id}\0".encode() + salt
