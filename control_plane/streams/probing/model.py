"""What the control plane asks of a probe: does media truly flow on this path? `mediamtx/` fulfils it; nothing here knows how."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NewType, Protocol

from control_plane.streams.media.model import PathName

ProbeKey = NewType("ProbeKey", str)
"""Opens one stream for reading, shortly."""


class Outcome(StrEnum):
    """Also the label under which a probe is counted."""

    PLAYING = "playing"
    NOT_PLAYING = "not_playing"
    """Viewers see and hear nothing, or no picture where there is one."""
    UNSUPPORTED = "unsupported"
    """Media comes, which the probe itself cannot decode: says nothing about the stream."""
    FAILED = "failed"
    """The probe itself did not work, or was killed at its deadline: says nothing about the stream."""


class Trouble(StrEnum):
    """Why a stream does not play."""

    NONE = ""
    SILENT = "silent"
    """The publisher is connected and sends nothing."""
    NOT_PACKAGED = "not_packaged"
    """Media arrives, and the media server makes nothing of it that can be played: codec, order of the pictures, no key frame."""
    UNDECODABLE = "undecodable"
    """Media can be loaded, and no picture be decoded from it."""


class Via(StrEnum):
    WHEP = "whep"
    HLS = "hls"


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What one look has shown. Width, height and codec are of the picture, 0 and "" without one."""

    outcome: Outcome
    via: Via | None = None
    width: int = 0
    height: int = 0
    video_codec: str = ""
    """h264, hevc, vp8, av1, ..."""
    audio: bool | None = None
    """Whether sound came; None where this way carries none of it: AAC does not go out over WebRTC."""
    pictured: bool = False
    """The picture that was asked for has been written."""
    seconds: float = 0.0
    why: str = ""
    """A few words for the log, without secrets."""
    trouble: Trouble = Trouble.NONE
    """Of NOT_PLAYING, unless the path has gone."""
    note: str = ""
    """A sentence or two for the broadcaster: what viewers miss, and what to change. "" when all is well, and when it is not known."""


class Probe(Protocol):
    async def probe(self, path: PathName, key: ProbeKey, picture: Path | None, deadline_s: float) -> ProbeResult:
        """Never raises, and is over soon after the deadline, come what may; so is all that it has started, cancelled or not. `picture`:
        where to put a JPEG of what was seen, in the place of an earlier one."""
        ...
