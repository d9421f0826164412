"""Opens videos."""

from __future__ import annotations

import datetime as dt

from control_plane.base.ids import UserId
from control_plane.config.secrets import Purpose, Secrets
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.videos.addresses import VideoAddresses
from control_plane.videos.bundle import Videos
from control_plane.videos.lists import VideoLists
from control_plane.videos.pages import PageKeys
from control_plane.videos.uploads.resumable import ResumableUploads


def videos(settings: Settings, secrets: Secrets, database: Database) -> Videos:
    async def admit(user_id: UserId, size: int) -> None: ...

    return Videos(
        addresses=video_addresses(secrets),
        lists=VideoLists(database, PageKeys()),
        resumable=ResumableUploads(
            database,
            settings.resumable_dir,
            admit,
            open_uploads=settings.open_uploads,
            life=dt.timedelta(hours=settings.upload_hours),
        ),
    )


def video_addresses(secrets: Secrets) -> VideoAddresses:
    return VideoAddresses(secrets[Purpose.PLAYBACK])
