"""Metrics of the database connections, read from the pool at each scrape."""

from __future__ import annotations

from control_plane.db.pool import Database
from control_plane.observe.metrics import Metrics


def watch_database(metrics: Metrics, database: Database) -> None:
    metrics.watch("stagedoor_database_connections", "Open connections to PostgreSQL", lambda: database.usage()[0])
    metrics.watch(
        "stagedoor_database_connections_in_use", "Connections to PostgreSQL in use", lambda: database.usage()[1]
    )
