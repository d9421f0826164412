"""Outcome of probing a stream by one protocol: a `Received`, or a `ProbeError` with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import av

from control_plane.streams.probing.model import Outcome, Trouble

AGENT = "stagedoor-probe"
"""User agent of probes, shown in MediaMTX's log and control API."""
SILENCE_S = 3.0
"""Time without media on an open connection after which a stream counts as silent. Smaller: network stalls count as
silence. Larger: a probe reaches its deadline first and cannot decide."""


@dataclass(frozen=True, slots=True)
class Received:
    """What a probe received. `frame` is None for an audio-only stream."""

    frame: av.VideoFrame | None
    video_codec: str
    audio: bool | None


class ProbeError(Exception):
    """A probe by one protocol got no picture. `str()` is a short reason without secrets.

    `outcome` is the probe's result unless another protocol finds more.
    """

    outcome: ClassVar[Outcome]
    trouble: ClassVar[Trouble] = Trouble.NONE


class NothingFlows(ProbeError):
    """The connection is open, but no media arrives."""

    outcome, trouble = Outcome.NOT_PLAYING, Trouble.SILENT


class NotThere(ProbeError):
    """The media server has no media on this path."""

    outcome = Outcome.NOT_PLAYING


class NotPackaged(ProbeError):
    """MediaMTX has nothing to play by HLS, the last protocol: its muxer waits for a key frame, fails at each start, or
    does not carry the codecs."""

    outcome, trouble = Outcome.NOT_PLAYING, Trouble.NOT_PACKAGED


class Undecodable(ProbeError):
    """The video that arrives by HLS, the last protocol, cannot be decoded, although a decoder exists."""

    outcome, trouble = Outcome.NOT_PLAYING, Trouble.UNDECODABLE


class NotThisWay(ProbeError):
    """This protocol cannot carry the stream now; another one may."""

    outcome = Outcome.UNSUPPORTED


class Unanswered(NotThisWay):
    """MediaMTX did not answer by this protocol in time. If the other one fails too, the server hangs."""


class Broken(ProbeError):
    """MediaMTX answered with an error or not at all. It says nothing about the stream."""

    outcome = Outcome.FAILED


class NoAnswer(Broken):
    """MediaMTX accepted the request but did not answer in time."""
