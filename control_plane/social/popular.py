"""The job that ranks popular users, whom suggestions start from."""

from __future__ import annotations

from control_plane.db.pool import Database
from control_plane.jobs.kind import job
from control_plane.social.suggestions_store import rank


@job(every="*/10 * * * *")
async def rank_popular_users(database: Database) -> None:
    await rank(database)
