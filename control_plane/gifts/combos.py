"""The job that deletes combos that are over. A combo is the same gift to the same stream, again within five seconds."""

from __future__ import annotations

import datetime as dt

from control_plane.db.pool import Database
from control_plane.gifts import store
from control_plane.jobs.kind import job

KEPT = dt.timedelta(minutes=1)
"""How long a combo is kept after its last gift. At least five seconds. Longer: more rows."""


@job(every="*/10 * * * *")
async def delete_old_combos(database: Database) -> None:
    await store.delete_combos_before(database, KEPT)
