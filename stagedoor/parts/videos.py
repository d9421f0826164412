"""Opens videos."""

from __future__ import annotations

from control_plane.config.secrets import Purpose, Secrets
from control_plane.videos.addresses import VideoAddresses
from control_plane.videos.bundle import Videos


def videos(secrets: Secrets) -> Videos:
    return Videos(video_addresses(secrets))


def video_addresses(secrets: Secrets) -> VideoAddresses:
    return VideoAddresses(secrets[Purpose.PLAYBACK])
