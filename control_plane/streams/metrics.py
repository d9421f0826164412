"""Metrics of streams, read from their table at each scrape."""

from __future__ import annotations

from collections import Counter

from control_plane.observe.metrics import Metrics
from control_plane.streams.bundle import Streams


def watch_streams(metrics: Metrics, streams: Streams) -> None:
    metrics.watch(
        "stagedoor_streams",
        "Streams that have not ended, by state",
        lambda: Counter(stream.status.value for stream in streams.running.all()),
        label="status",
    )
    metrics.watch("stagedoor_streams_playing", "Streams that a probe has seen playing", streams.prober.streams_playing)
