"""Deletes the evidence of closed reports after some days, by a job."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from control_plane.db.pool import Database
from control_plane.jobs.kind import job
from control_plane.reports import store
from control_plane.reports.reporting import used_by
from control_plane.storage.files import Files

AFTER_APPEAL = dt.timedelta(days=30)
"""Evidence is kept as long after the decision about an appeal. Shorter: questions about it cannot be answered."""
BATCH = 100


@dataclass(frozen=True, slots=True)
class Evidence:
    database: Database
    files: Files
    days: int
    """After the report was closed."""


@job(every="41 2 * * *")
async def delete_old_evidence(evidence: Evidence) -> None:
    while report_ids := await store.old_evidence(evidence.database, evidence.days, AFTER_APPEAL, BATCH):
        for report_id in report_ids:
            async with evidence.database.transaction() as connection:
                await store.delete_evidence(connection, report_id)
                await evidence.files.use(connection, used_by(report_id), [])
