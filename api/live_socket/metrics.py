"""Metrics of the live socket's route, read from it at each scrape. Those of the hub are in `control_plane.live`."""

from __future__ import annotations

from api.live_socket.route import LiveSocket
from control_plane.observe.metrics import Metrics


def watch_closed(metrics: Metrics, live_socket: LiveSocket) -> None:
    metrics.watch_total(
        "stagedoor_sockets_closed",
        "Live sockets closed by the server, by close code",
        lambda: {str(code.value): number for code, number in live_socket.closed.items()},
        label="code",
    )
