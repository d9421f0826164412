"""By WHEP first, and by HLS what WHEP cannot carry."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from control_plane.streams.probe import Outcome, ProbeResult, Via
from mediamtx.probe import hls, whep
from mediamtx.probe.order import Order
from mediamtx.probe.picture import write_picture
from mediamtx.probe.sight import NoAnswer, NoSight, NotPackaged, NotThisWay, Sight, Unanswered

HLS_S = 4.0
"""What WHEP leaves of the time; half of it where that is short."""


def probe(order: Order, started: float) -> ProbeResult:
    """Blocks until something is seen, or the order's deadline, which counts from `started` on the monotonic clock."""
    try:
        via, sight = _look(order, started + order.deadline_s)
    except NoSight as reason:
        return ProbeResult(reason.outcome, seconds=time.monotonic() - started, why=str(reason), trouble=reason.trouble)
    frame = sight.frame
    if frame is not None and order.picture:
        write_picture(frame, Path(order.picture))
    return ProbeResult(
        Outcome.PLAYING,
        via,
        width=frame.width if frame is not None else 0,
        height=frame.height if frame is not None else 0,
        video_codec=sight.video_codec,
        audio=sight.audio,
        pictured=frame is not None and order.picture != "",
        seconds=time.monotonic() - started,
    )


def _look(order: Order, until_s: float) -> tuple[Via, Sight]:
    whep_until_s = until_s - min(HLS_S, order.deadline_s / 2)
    try:
        return Via.WHEP, asyncio.run(whep.look(order.whep_url, order.key, whep_until_s))
    except NotThisWay as by_whep:
        try:
            return Via.HLS, hls.look(order.hls_url, order.key, until_s)
        except NotPackaged:
            if isinstance(by_whep, Unanswered):
                raise NoAnswer("no answer: TimeoutError") from None
            raise
