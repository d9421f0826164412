"""A sound, to which videos are made."""

from __future__ import annotations

import msgspec

from api.http.urls import Urls
from api.wire.values import NO_TIME, Flag, Id, Url, WireTime, wire_time
from control_plane.videos.video import Sound as StoredSound


class Sound(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    audio: Url = ""
    name: str = ""
    description: str = ""
    thum: Url = ""
    duration: str = ""
    """Text such as `00:30`. iOS cannot read a list with a number here."""
    sound_section_id: Id = 0
    uploaded_by: str = ""
    publish: Flag = 0
    job_id: str = ""
    created: WireTime = NO_TIME
    total_videos: int = 0
    favourite: Flag = 0


def sound_view(sound: StoredSound, urls: Urls) -> Sound:
    minutes, seconds = divmod(round(sound.duration_ms / 1000), 60)
    return Sound(
        id=sound.id,
        audio=urls.media(sound.audio),
        name=sound.name,
        description=sound.description,
        thum=urls.media(sound.picture),
        duration=f"{minutes:02}:{seconds:02}",
        uploaded_by=sound.uploaded_by,
        publish=1,
        created=wire_time(sound.created_at),
        total_videos=sound.total_videos,
    )
