"""Signed addresses of the files of a video. An address opens all files of one video for one viewer, or for guests, until
it ends or until the viewer no longer sees the video (`files_store.py`)."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable
from typing import NamedTuple

from control_plane.base.ids import LARGEST_ID, UserId
from control_plane.base.signing import Keyring
from control_plane.social.model import Viewer
from control_plane.videos.video import Privacy, Video, VideoId

PUBLIC_LIFE_S = 86_400
"""At least this long, at most twice. Smaller: phones that cache pictures by their address load them again. Larger: a
leaked address of a public video works for longer."""
LIFE_S = 3_600
"""Of the videos that not everybody sees. Smaller: a player that was paused loses its video. Larger: a leaked address of
a private video works for longer."""
_MARK = re.compile(r"([0-9]{1,10})-([0-9]{1,12})\.([A-Za-z0-9_\-]{1,100})", re.ASCII)


class Mark(NamedTuple):
    """The part of the path that says for whom and until when the address is, and proves it."""

    viewer_id: Viewer
    expires: int
    signature: str


class VideoAddresses:
    """Signs and verifies, with the playback secret. `clock`: seconds since 1970."""

    def __init__(self, keyring: Keyring, clock: Callable[[], float] = time.time) -> None:
        self._keyring = keyring
        self._clock = clock

    def folder(self, video: Video) -> str:
        """The path below which the files of the video are, for the viewer for whom it was read. Its end is rounded up, so
        that it stays the same for a while and a client can cache what it read."""
        life_s = PUBLIC_LIFE_S if video.privacy is Privacy.PUBLIC and not video.hidden else LIFE_S
        expires = (int(self._clock()) // life_s + 2) * life_s
        signature = self._keyring.signing.sign(_message(video.id, video.created_at, video.viewer_id, expires))
        return f"/videos/{video.id}/{video.viewer_id or 0}-{expires}.{signature}"

    def mark_of(self, text: str) -> Mark | None:
        """The mark in the path of an address, not verified yet. None: it is none, or the address has ended."""
        match = _MARK.fullmatch(text)
        if match is None or int(match[1]) > LARGEST_ID or int(match[2]) <= self._clock():
            return None
        return Mark(UserId(int(match[1])) or None, int(match[2]), match[3])

    def verify(self, video_id: VideoId, created_at: dt.datetime, mark: Mark) -> bool:
        return self._keyring.verify(mark.signature, _message(video_id, created_at, mark.viewer_id, mark.expires))


def _message(video_id: VideoId, created_at: dt.datetime, viewer_id: Viewer, expires: int) -> bytes:
    """With the time of the video: in a restored database another one may get the id."""
    return b"video/v1\0" + f"{expires}\0{video_id}\0{created_at.timestamp():.6f}\0{viewer_id or 0}".encode()
