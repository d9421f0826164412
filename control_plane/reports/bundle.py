"""The services of reports that endpoints and jobs use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.db.remembered import Remembered
from control_plane.reports import store
from control_plane.reports.appeals import Appeals
from control_plane.reports.model import Decision, Reason
from control_plane.reports.reporting import Reporting


@dataclass(frozen=True, slots=True)
class Reports:
    database: Database
    reporting: Reporting
    appeals: Appeals
    reasons: Remembered[Sequence[Reason]]

    async def decisions_about(self, user_id: UserId, limit: int, offset: int) -> Sequence[Decision]:
        """Decisions that act on the user, newest first."""
        return await store.decisions_about(self.database, user_id, limit, offset)
