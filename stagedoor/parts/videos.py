"""Opens videos."""

from __future__ import annotations

from control_plane.config.secrets import Purpose, Secrets
from control_plane.db.pool import Database
from control_plane.social.toggles import Toggles
from control_plane.videos.addresses import VideoAddresses
from control_plane.videos.bundle import Videos
from control_plane.videos.reactions.reactions import Reactions
from control_plane.videos.views.views import Views


def videos(secrets: Secrets, database: Database) -> Videos:
    return Videos(
        addresses=video_addresses(secrets),
        reactions=Reactions(database, Toggles(database)),
        views=Views(database, secrets[Purpose.PLAYBACK]),
    )


def video_addresses(secrets: Secrets) -> VideoAddresses:
    return VideoAddresses(secrets[Purpose.PLAYBACK])
