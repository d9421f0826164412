"""Metrics of the hub, read from it at each scrape."""

from __future__ import annotations

from control_plane.live.hub import Hub
from control_plane.observe.metrics import Metrics


def watch_hub(metrics: Metrics, hub: Hub) -> None:
    counts = hub.counts
    metrics.watch("stagedoor_sockets", "Live sockets of this process", hub.sockets)
    metrics.watch_total("stagedoor_sockets_cut", "Live sockets closed for slow reading", lambda: counts.cut)
    metrics.watch_total(
        "stagedoor_events_delivered", "Events delivered, once for each live socket", lambda: counts.delivered
    )
    metrics.watch_total(
        "stagedoor_events_found", "Events read from the log because no offer arrived", lambda: counts.found
    )
