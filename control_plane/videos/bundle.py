"""The services of videos that endpoints use."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.videos.addresses import VideoAddresses
from control_plane.videos.downloads import Downloads
from control_plane.videos.posting import Posting
from control_plane.videos.uploads.limits import UploadLimits
from control_plane.videos.uploads.resumable import ResumableUploads


@dataclass(frozen=True, slots=True)
class Videos:
    addresses: VideoAddresses
    downloads: Downloads
    limits: UploadLimits
    posting: Posting
    resumable: ResumableUploads
