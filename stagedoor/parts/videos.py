"""Opens videos."""

from __future__ import annotations

import datetime as dt

from control_plane.config.secrets import Purpose, Secrets
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.social.toggles import Toggles
from control_plane.storage.bundle import Stored
from control_plane.videos.addresses import VideoAddresses
from control_plane.videos.bundle import Videos
from control_plane.videos.comments.bundle import Comments
from control_plane.videos.comments.likes import Likes
from control_plane.videos.comments.posting import CommentPosting
from control_plane.videos.comments.reading import Reading
from control_plane.videos.comments.words import BlockedWords
from control_plane.videos.deletion import VideoDeletion
from control_plane.videos.downloads import Downloads
from control_plane.videos.lists import VideoLists
from control_plane.videos.pages import PageKeys
from control_plane.videos.posting import Posting
from control_plane.videos.reactions.reactions import Reactions
from control_plane.videos.uploads.limits import UploadLimits
from control_plane.videos.uploads.resumable import ResumableUploads
from control_plane.videos.views.views import Views


def videos(settings: Settings, secrets: Secrets, database: Database, stored: Stored) -> Videos:
    limits = UploadLimits(database, stored.space, settings.videos_per_day, settings.video_bytes_per_day)
    toggles, keys = Toggles(database), PageKeys()
    resumable = ResumableUploads(
        database,
        settings.resumable_dir,
        stored.space,
        limits.admit,
        open_uploads=settings.open_uploads,
        life=dt.timedelta(hours=settings.upload_hours),
    )
    return Videos(
        addresses=video_addresses(secrets),
        lists=VideoLists(database, keys),
        downloads=Downloads(database),
        posting=Posting(database, stored.files, limits, resumable),
        reactions=Reactions(database, toggles),
        views=Views(database, secrets[Purpose.PLAYBACK]),
        resumable=resumable,
        deletion=VideoDeletion(database, stored.files, dt.timedelta(hours=settings.deleted_video_hours)),
        comments=Comments(
            reading=Reading(database, keys),
            posting=CommentPosting(database, BlockedWords(settings.blocked_words)),
            likes=Likes(toggles),
        ),
    )


def video_addresses(secrets: Secrets) -> VideoAddresses:
    return VideoAddresses(secrets[Purpose.PLAYBACK])
