"""The job that deletes devices that are gone. It is not in `devices.py`, because commands use that module and the queue's
library takes long to load."""

from __future__ import annotations

import datetime as dt

from control_plane.accounts import devices
from control_plane.db.pool import Database
from control_plane.jobs.kind import job

KEPT = dt.timedelta(days=270)
"""How long a device is kept after its last call. Push services discard the token of an app that was not opened for 270
days. Longer: more rows of phones that are gone. Shorter: a phone that was off gets no messages until its next call."""


@job(every="41 4 * * *")
async def delete_old_devices(database: Database) -> None:
    await devices.delete_unseen(database, KEPT)
