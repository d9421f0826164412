"""Probe one stream: by WHEP first, then by HLS if WHEP cannot carry it."""

from __future__ import annotations

import asyncio
import time

from control_plane.streams.probing.model import Outcome, ProbeResult, Via
from mediamtx.probe import hls, whep
from mediamtx.probe.order import Answer, Order
from mediamtx.probe.picture import jpeg
from mediamtx.probe.sight import NoAnswer, NoSight, NotPackaged, NotThisWay, Sight, Unanswered

HLS_S = 4.0
"""Time reserved for HLS before the deadline, at most half of it. Smaller: HLS, which waits for key frames, times out.
Larger: WHEP gives up on slow connections."""


def probe(order: Order, started: float) -> Answer:
    """Blocks until there is a result, at most until `started` (`time.monotonic`) + the order's deadline."""
    try:
        via, sight = _look(order, started + order.deadline_s)
    except NoSight as reason:
        result = ProbeResult(
            reason.outcome, seconds=time.monotonic() - started, why=str(reason), trouble=reason.trouble
        )
        return Answer(order.number, result)
    frame = sight.frame
    picture = jpeg(frame) if frame is not None and order.picture else b""
    result = ProbeResult(
        Outcome.PLAYING,
        via,
        width=frame.width if frame is not None else 0,
        height=frame.height if frame is not None else 0,
        video_codec=sight.video_codec,
        audio=sight.audio,
        pictured=picture != b"",
        seconds=time.monotonic() - started,
    )
    return Answer(order.number, result, picture)


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
