"""Sending a report: it keeps the thing as it is at that moment, even if it is changed or deleted afterwards."""

from __future__ import annotations

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.reports import store
from control_plane.reports.model import (
    AlreadyReported,
    NothingToReport,
    OwnThing,
    Snapshot,
    Subject,
    Things,
    TooManyReports,
    UnknownReason,
)
from control_plane.storage.files import FileDeletedMeanwhile, Files

MOST_A_DAY = 20
"""Reports of one user in 24 hours. More: one user can fill the queue that operators read. Fewer: a user who is
harassed by many accounts cannot report them all."""
MOST_OPEN = 50
"""Open reports of one user. More: as above, while operators do not keep up."""
ATTEMPTS = 3
"""Attempts to keep a picture that is replaced at the same moment. Fewer: such a report fails."""


class Reporting:
    def __init__(self, database: Database, files: Files, things: Things) -> None:
        self._database = database
        self._files = files
        self._things = things

    async def report(self, reporter_id: UserId, subject: Subject, reason_id: int, description: str) -> int:
        """The id of the new report. Raises NothingToReport, UnknownReason, OwnThing, AlreadyReported and
        TooManyReports."""
        await self._check(self._database, reporter_id, subject, reason_id)  # before anything is stored
        for attempt in range(1, ATTEMPTS + 1):
            snapshot = await self._things[subject.kind].snapshot(subject.id)
            if snapshot is None:
                raise NothingToReport(subject.kind)
            if snapshot.user_id == reporter_id:
                raise OwnThing
            try:
                return await self._add(reporter_id, subject, reason_id, description, snapshot)
            except FileDeletedMeanwhile:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _add(
        self, reporter_id: UserId, subject: Subject, reason_id: int, description: str, snapshot: Snapshot
    ) -> int:
        async with self._database.transaction() as connection:
            await store.lock_reporter(connection, reporter_id)
            await self._check(connection, reporter_id, subject, reason_id)
            report_id = await store.add(connection, reporter_id, subject, reason_id, description, snapshot)
            await self._files.use(connection, used_by(report_id), snapshot.files)
            return report_id

    async def _check(
        self, source: Connection | Database, reporter_id: UserId, subject: Subject, reason_id: int
    ) -> None:
        standing = await store.standing(source, reporter_id, subject, reason_id, MOST_A_DAY)
        if not standing.known_reason:
            raise UnknownReason
        if standing.reported:
            raise AlreadyReported
        if standing.today >= MOST_A_DAY or standing.open >= MOST_OPEN:
            raise TooManyReports


def used_by(report_id: int) -> str:
    """The report as the user of stored files."""
    return f"report/{report_id}"
