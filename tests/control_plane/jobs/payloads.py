"""The arguments of the jobs that wait."""

from __future__ import annotations

from typing import Any

import msgspec

from control_plane.db.pool import Database
from control_plane.jobs.kind import Kind


async def payloads(database: Database, kind: Kind[Any, Any]) -> list[dict[str, Any]]:
    """Of this kind, oldest first."""
    rows = await database.fetch("select payload from pgqueuer where entrypoint = $1 order by id", kind.name)
    return [msgspec.json.decode(row["payload"]) for row in rows]
