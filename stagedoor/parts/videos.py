"""Opens videos."""

from __future__ import annotations

import datetime as dt

from control_plane.config.secrets import Purpose, Secrets
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.storage.bundle import Stored
from control_plane.videos.addresses import VideoAddresses
from control_plane.videos.bundle import Videos
from control_plane.videos.downloads import Downloads
from control_plane.videos.posting import Posting
from control_plane.videos.uploads.limits import UploadLimits
from control_plane.videos.uploads.resumable import ResumableUploads


def videos(settings: Settings, secrets: Secrets, database: Database, stored: Stored) -> Videos:
    limits = UploadLimits(database, stored.space, settings.videos_per_day, settings.video_bytes_per_day)
    resumable = ResumableUploads(
        database,
        settings.resumable_dir,
        limits.admit,
        open_uploads=settings.open_uploads,
        life=dt.timedelta(hours=settings.upload_hours),
    )
    return Videos(
        addresses=video_addresses(secrets),
        downloads=Downloads(database),
        limits=limits,
        posting=Posting(database, stored.files, limits, resumable),
        resumable=resumable,
    )


def video_addresses(secrets: Secrets) -> VideoAddresses:
    return VideoAddresses(secrets[Purpose.PLAYBACK])
