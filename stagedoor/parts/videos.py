"""Opens videos."""

from __future__ import annotations

import datetime as dt

from control_plane.config.secrets import Purpose, Secrets
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.storage.files import Files
from control_plane.videos.addresses import VideoAddresses
from control_plane.videos.bundle import Videos
from control_plane.videos.deletion import VideoDeletion


def videos(settings: Settings, secrets: Secrets, database: Database, files: Files) -> Videos:
    grace = dt.timedelta(hours=settings.deleted_video_hours)
    return Videos(video_addresses(secrets), VideoDeletion(database, files, grace))


def video_addresses(secrets: Secrets) -> VideoAddresses:
    return VideoAddresses(secrets[Purpose.PLAYBACK])
