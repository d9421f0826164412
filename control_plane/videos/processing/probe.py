"""Finds out what an uploaded file is, by decoding it in a bounded process, whatever its name says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.pictures import workers
from control_plane.pictures.workers import WorkerFailed, WorkerInterrupted, WorkerTooSlow
from control_plane.videos.processing.model import BROKEN, TOO_MUCH_WORK, NotAVideo, ProbeAnswer, Probed

DEADLINE_S = 90.0
"""All packets are read, which takes a second for 500 MB. A file that takes too much work ends at the limit of processor
time before. Longer: a phone waits longer for a busy server. Shorter: a busy server does not take good videos."""
_LARGEST_ANSWER = 4096
_PROBE = "control_plane.videos.processing.probe_process"


class ProbeUnavailable(ControlPlaneError):
    """The process was killed, or got too little processor time before its deadline: no fault of the file."""

    code = "probe_unavailable"
    kind = ErrorKind.TOO_OFTEN

    def __init__(self) -> None:
        super().__init__("The server is busy with other uploads. Please try again in a moment.")


async def probe(path: Path) -> Probed:
    """Raises NotAVideo and ProbeUnavailable."""
    with await asyncio.to_thread(path.open, "rb", 0) as file:
        try:
            output = await workers.run(_PROBE, file, DEADLINE_S, _LARGEST_ANSWER)
            answer = msgspec.json.decode(output, type=ProbeAnswer)
        except WorkerInterrupted:
            raise ProbeUnavailable from None
        except WorkerTooSlow:
            raise NotAVideo(TOO_MUCH_WORK) from None
        except (WorkerFailed, msgspec.DecodeError):
            raise NotAVideo(BROKEN) from None
    if answer.probed is None:
        raise NotAVideo(answer.refused[:200] or BROKEN)
    return answer.probed
