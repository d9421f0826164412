"""Signed addresses of the files of a video. An address opens all files of one video for one viewer, or for guests, until
it ends or until the viewer no longer sees the video (`files_store.py`)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from control_plane.base.ids import UserId
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


class AddressEnded(Exception):
    """The address has ended, or is not one of ours."""


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
        signature = self._keyring.signing.sign(_message(video.id, video.viewer_id, expires))
        return f"/videos/{video.id}/{video.viewer_id or 0}-{expires}.{signature}"

    def viewer_of(self, video_id: VideoId, mark: str) -> Viewer:
        """For whom the address is. `mark`: the last part of the path of `folder`. Raises AddressEnded."""
        match = _MARK.fullmatch(mark)
        if match is None or int(match[2]) <= self._clock():
            raise AddressEnded
        viewer_id = UserId(int(match[1])) or None
        if not self._keyring.verify(match[3], _message(video_id, viewer_id, int(match[2]))):
            raise AddressEnded
        return viewer_id


def _message(video_id: VideoId, viewer_id: Viewer, expires: int) -> bytes:
    return b"video/v1\0" + f"{expires}\0{video_id}\0{viewer_id or 0}".encode()
