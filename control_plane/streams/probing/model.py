"""The probe as the control plane sees it: does media really flow on this path? A Protocol and its values. `mediamtx/`
implements it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NewType, Protocol

from control_plane.streams.media.model import PathName

ProbeKey = NewType("ProbeKey", str)
"""Opens one stream for reading, for a short time."""


class Outcome(StrEnum):
    """The result of a probe, and its label in metrics."""

    PLAYING = "playing"
    NOT_PLAYING = "not_playing"
    """Viewers see and hear nothing, or get no picture although one is sent."""
    UNSUPPORTED = "unsupported"
    """Media arrives that the probe itself cannot decode. Says nothing about the stream."""
    FAILED = "failed"
    """The probe failed, or was killed at its deadline. Says nothing about the stream."""


class Trouble(StrEnum):
    """Why a stream does not play."""

    NONE = ""
    SILENT = "silent"
    """The publisher is connected and sends no media."""
    NOT_PACKAGED = "not_packaged"
    """Media arrives, and the media server cannot package it for playback: codec, order of the pictures, no key
    frame."""
    UNDECODABLE = "undecodable"
    """Media can be loaded, but no picture can be decoded from it."""


class Via(StrEnum):
    WHEP = "whep"
    HLS = "hls"


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The result of one probe. Width, height and codec describe the picture; 0 and "" without one."""

    outcome: Outcome
    via: Via | None = None
    width: int = 0
    height: int = 0
    video_codec: str = ""
    """h264, hevc, vp8, av1, ..."""
    audio: bool | None = None
    """Whether sound arrived; None if the transport does not carry it: WebRTC does not carry AAC."""
    pictured: bool = False
    """Whether the requested picture was written."""
    seconds: float = 0.0
    why: str = ""
    """A short reason for the log, without secrets."""
    trouble: Trouble = Trouble.NONE
    """The cause of NOT_PLAYING, unless the path has gone."""
    note: str = ""
    """One or two sentences for the broadcaster: what viewers miss, and what to change. "" without a problem, and if
    unknown."""


class Probe(Protocol):
    async def probe(self, path: PathName, key: ProbeKey, picture: Path | None, deadline_s: float) -> ProbeResult:
        """Probe the path. Never raises. Returns soon after `deadline_s` and leaves no process behind, cancelled or not.
        `picture`: where to write a JPEG of what was seen; it replaces an earlier file."""
        ...
