"""Probe one stream: by WHEP first, then by HLS if WHEP cannot carry it."""

from __future__ import annotations

import asyncio
import time

from control_plane.streams.probing.model import Outcome, ProbeResult, Via
from mediamtx.probe import hls, whep
from mediamtx.probe.messages import Answer, Order
from mediamtx.probe.picture import jpeg
from mediamtx.probe.received import NoAnswer, NotPackaged, NotThisWay, ProbeError, Received, Unanswered

HLS_S = 4.0
"""Time reserved for HLS before the deadline, at most half of it. Smaller: HLS, which waits for key frames, times out.
Larger: WHEP gives up on slow connections."""


def probe(order: Order, started: float) -> Answer:
    """Blocks until there is a result, at most until `started` (`time.monotonic`) + the order's deadline."""
    try:
        via, received = _receive(order, started + order.deadline_s)
    except ProbeError as reason:
        result = ProbeResult(
            reason.outcome, seconds=time.monotonic() - started, why=str(reason), trouble=reason.trouble
        )
        return Answer(order.number, result)
    frame = received.frame
    picture = jpeg(frame) if frame is not None and order.picture else b""
    result = ProbeResult(
        Outcome.PLAYING,
        via,
        width=frame.width if frame is not None else 0,
        height=frame.height if frame is not None else 0,
        video_codec=received.video_codec,
        audio=received.audio,
        pictured=picture != b"",
        seconds=time.monotonic() - started,
    )
    return Answer(order.number, result, picture)


def _receive(order: Order, until_s: float) -> tuple[Via, Received]:
    whep_until_s = until_s - min(HLS_S, order.deadline_s / 2)
    try:
        return Via.WHEP, asyncio.run(whep.receive(order.whep_url, order.key, whep_until_s))
    except NotThisWay as by_whep:
        try:
            return Via.HLS, hls.receive(order.hls_url, order.key, until_s)
        except NotPackaged:
            if isinstance(by_whep, Unanswered):
                raise NoAnswer("no answer: TimeoutError") from None
            raise
