"""What a way of looking at a stream comes to: a `Sight`, or the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import av

from control_plane.streams.probing.model import Outcome, Trouble

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
    trouble: ClassVar[Trouble] = Trouble.NONE


class NothingFlows(NoSight):
    """The way is open, and no media comes along."""

    outcome, trouble = Outcome.NOT_PLAYING, Trouble.SILENT


class NotThere(NoSight):
    """The media server has no media on this path."""

    outcome = Outcome.NOT_PLAYING


class NotPackaged(NoSight):
    """The last way, and the media server has nothing to play there: its HLS muxer waits for a key frame, ends at each start, or does not
    carry the codecs."""

    outcome, trouble = Outcome.NOT_PLAYING, Trouble.NOT_PACKAGED


class Undecodable(NoSight):
    """The last way, and what comes are no pictures, for a decoder that is there."""

    outcome, trouble = Outcome.NOT_PLAYING, Trouble.UNDECODABLE


class NotThisWay(NoSight):
    """This way cannot carry it, or not now: another one may."""

    outcome = Outcome.UNSUPPORTED


class Unanswered(NotThisWay):
    """The media server has not answered this way in time: where the other way is no better, it is the server that hangs."""


class Broken(NoSight):
    """The media server did not answer as it should: says nothing about the stream."""

    outcome = Outcome.FAILED


class NoAnswer(Broken):
    """The media server took the request, and did not answer it in time."""
