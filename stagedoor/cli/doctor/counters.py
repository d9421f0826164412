"""Doctor's check of the counters: they are counted again and compared."""

from __future__ import annotations

import asyncio

import asyncpg

from control_plane.db.connections import Connection
from control_plane.db.migrate import applied_version, migrations
from control_plane.db.pool import connect
from control_plane.operations.counters_store import COUNTED, Wrong, wrong
from stagedoor.cli.doctor.finding import Finding, broken, ok, warning
from stagedoor.cli.doctor.installation import CONNECT_S, Installation

WITHIN_S = 20.0
"""For all counters together. Longer: doctor keeps a busy database busy. Shorter: it checks the counters of a large one only
in part."""
SHOWN = 3
"""Wrong counters of each name that are shown."""


async def counters(at: Installation) -> Finding | None:
    if at.dsn is None:
        return None
    connection = await connect(at.dsn, CONNECT_S)
    try:
        if await applied_version(connection) != migrations()[-1].version:
            return None
        found, unchecked = await _compared(connection, WITHIN_S)
    finally:
        connection.terminate()
    if found:
        named = "; ".join(f"{one.name} of {one.subject} is {one.kept}, counted {one.counted}" for one in found)
        return broken(
            named, "Correct them as docs/operations.md says, and report how it came to that: they change with the rows."
        )
    if unchecked:
        return warning(
            f"not all were counted again within {WITHIN_S:g} s: {', '.join(unchecked)} left out",
            "Run this again when the database is less busy.",
        )
    return ok(f"{', '.join(COUNTED)} are as counted again")


async def _compared(connection: Connection, within_s: float) -> tuple[list[Wrong], list[str]]:
    """The wrong counters, and the names of the counters that there was no time for."""
    end = asyncio.get_running_loop().time() + within_s
    found: list[Wrong] = []
    unchecked: list[str] = []
    for name in COUNTED:
        left_ms = int((end - asyncio.get_running_loop().time()) * 1000)
        try:
            async with connection.transaction(readonly=True):
                await connection.execute(f"set local statement_timeout = {max(1, left_ms)}")
                found += await wrong(connection, name, SHOWN)
        except asyncpg.QueryCanceledError:
            unchecked.append(name)
    return found, unchecked
