"""The services of videos that endpoints use."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.videos.addresses import VideoAddresses
from control_plane.videos.lists import VideoLists
from control_plane.videos.uploads.resumable import ResumableUploads


@dataclass(frozen=True, slots=True)
class Videos:
    addresses: VideoAddresses
    lists: VideoLists
    resumable: ResumableUploads
