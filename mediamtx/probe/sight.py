"""What a way of looking at a stream comes to: a `Sight`, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import av

from control_plane.streams.probing.model import Outcome

AGENT = "stagedoor-probe"
"""As the media server's log and control API name us."""
SILENCE_S = 3.0
"""No media for so long, on an open way: nothing flows."""


@dataclass(frozen=True, slots=True)
class Sight:
    """`frame` is None of a stream that is sound alone."""

    frame: av.VideoFrame | None
    video_codec: str
    audio: bool | None


class NoSight(Exception):
    """`str()` is a few words without secrets; `outcome` is what it means where nothing else shows more."""

    outcome: ClassVar[Outcome]


class NothingFlows(NoSight):
    """The way is open, and no media comes along."""

    outcome = Outcome.NOT_PLAYING


class NotThere(NoSight):
    """The media server has no media on this path."""

    outcome = Outcome.NOT_PLAYING


class NotThisWay(NoSight):
    """This way cannot carry it, or not now: another one may."""

    outcome = Outcome.UNSUPPORTED


class Broken(NoSight):
    """The media server did not answer as it should: says nothing about the stream."""

    outcome = Outcome.FAILED
