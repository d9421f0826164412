"""Opens videos."""

from __future__ import annotations

from control_plane.config.secrets import Purpose, Secrets
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.social.toggles import Toggles
from control_plane.videos.addresses import VideoAddresses
from control_plane.videos.bundle import Videos
from control_plane.videos.comments.bundle import Comments
from control_plane.videos.comments.likes import Likes
from control_plane.videos.comments.posting import Posting
from control_plane.videos.comments.words import BlockedWords


def videos(settings: Settings, secrets: Secrets, database: Database) -> Videos:
    toggles = Toggles(database)
    return Videos(
        video_addresses(secrets),
        Comments(Posting(database, BlockedWords(settings.blocked_words)), Likes(toggles)),
    )


def video_addresses(secrets: Secrets) -> VideoAddresses:
    return VideoAddresses(secrets[Purpose.PLAYBACK])
