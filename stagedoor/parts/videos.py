"""Opens videos."""

from __future__ import annotations

from control_plane.config.secrets import Purpose, Secrets
from control_plane.db.pool import Database
from control_plane.videos.addresses import VideoAddresses
from control_plane.videos.bundle import Videos
from control_plane.videos.lists import VideoLists
from control_plane.videos.pages import PageKeys


def videos(secrets: Secrets, database: Database) -> Videos:
    return Videos(video_addresses(secrets), VideoLists(database, PageKeys()))


def video_addresses(secrets: Secrets) -> VideoAddresses:
    return VideoAddresses(secrets[Purpose.PLAYBACK])
