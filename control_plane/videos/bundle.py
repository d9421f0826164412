"""The services of videos that endpoints use."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.videos.addresses import VideoAddresses
from control_plane.videos.comments.bundle import Comments
from control_plane.videos.deletion import VideoDeletion
from control_plane.videos.downloads import Downloads
from control_plane.videos.lists import VideoLists
from control_plane.videos.posting import Posting
from control_plane.videos.reactions.reactions import Reactions
from control_plane.videos.uploads.resumable import ResumableUploads
from control_plane.videos.views.views import Views


@dataclass(frozen=True, slots=True)
class Videos:
    addresses: VideoAddresses
    downloads: Downloads
    posting: Posting
    reactions: Reactions
    views: Views
    comments: Comments
    lists: VideoLists
    resumable: ResumableUploads
    deletion: VideoDeletion
