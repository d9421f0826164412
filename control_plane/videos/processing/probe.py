"""Finds out what an uploaded file is, by decoding it in a bounded process, whatever its name says."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from control_plane.pictures import workers
from control_plane.pictures.workers import WorkerFailed
from control_plane.videos.processing.model import BROKEN, NotAVideo, ProbeAnswer, Probed

DEADLINE_S = 30.0
"""All packets are read, which takes a second for 500 MB. Longer: a hostile file holds its upload for longer."""
_LARGEST_ANSWER = 4096
_PROBE = "control_plane.videos.processing.probe_process"


class ProbeFailed(NotAVideo):
    """The process was killed, or did not end in time: by the file's fault or the server's."""

    code = "probe_failed"


async def probe(path: Path) -> Probed:
    """Raises NotAVideo."""
    with await asyncio.to_thread(path.open, "rb", 0) as file:
        try:
            output = await workers.run(_PROBE, file, DEADLINE_S, _LARGEST_ANSWER)
            answer = msgspec.json.decode(output, type=ProbeAnswer)
        except (WorkerFailed, msgspec.DecodeError):
            raise ProbeFailed(BROKEN) from None
    if answer.probed is None:
        raise NotAVideo(answer.refused[:200] or BROKEN)
    return answer.probed
