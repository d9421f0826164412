"""Gauges and counters that are read from their owners when metrics are scraped."""

from __future__ import annotations

from collections import Counter

from api.contract.platform import Platform
from api.live_socket.route import LiveSocket
from control_plane.live.hub import Hub


def watch(platform: Platform, hub: Hub, live_socket: LiveSocket) -> None:
    """Register them. Each scrape calls the functions given here."""
    metrics, database = platform.metrics, platform.database
    metrics.watch(
        "stagedoor_streams",
        "Streams that have not ended, by state",
        lambda: Counter(stream.status.value for stream in platform.streams.running.all()),
        label="status",
    )
    metrics.watch(
        "stagedoor_streams_playing", "Streams that a probe has seen playing", platform.streams.prober.streams_playing
    )
    metrics.watch("stagedoor_sockets", "Live sockets of this process", hub.sockets)
    metrics.watch_total(
        "stagedoor_sockets_closed",
        "Live sockets closed by the server, by close code",
        lambda: {str(code.value): number for code, number in live_socket.closed.items()},
        label="code",
    )
    metrics.watch_total(
        "stagedoor_events_delivered", "Events delivered, once for each live socket", lambda: hub.counts.delivered
    )
    metrics.watch_total(
        "stagedoor_events_found", "Events read from the log because no offer arrived", lambda: hub.counts.found
    )
    metrics.watch_total("stagedoor_sockets_cut", "Live sockets closed for slow reading", lambda: hub.counts.cut)
    metrics.watch("stagedoor_database_connections", "Open connections to PostgreSQL", lambda: database.usage()[0])
    metrics.watch(
        "stagedoor_database_connections_in_use", "Connections to PostgreSQL in use", lambda: database.usage()[1]
    )
