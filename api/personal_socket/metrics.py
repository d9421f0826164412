"""Metrics of the personal socket, read at each scrape."""

from __future__ import annotations

from api.personal_socket.route import PersonalSocket
from control_plane.observe.metrics import Metrics
from control_plane.personal.hub import PersonalHub


def watch_personal(metrics: Metrics, hub: PersonalHub, personal_socket: PersonalSocket) -> None:
    metrics.watch("stagedoor_personal_sockets", "Personal sockets of this process", hub.sockets)
    metrics.watch_total(
        "stagedoor_personal_events_delivered",
        "Events delivered, once for each personal socket",
        lambda: hub.delivered,
    )
    metrics.watch_total(
        "stagedoor_personal_sockets_closed",
        "Personal sockets closed by the server, by close code",
        lambda: {str(code.value): number for code, number in personal_socket.closed.items()},
        label="code",
    )
