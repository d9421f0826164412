"""Old views are deleted, and stay counted."""

from __future__ import annotations

import datetime as dt

import pytest

from control_plane.db.pool import Database
from control_plane.videos.views import retention
from control_plane.videos.views.retention import ViewRetention, delete_old_views
from tests.control_plane.people import new_user
from tests.control_plane.videos.rows import ADD_VIDEO

NOW = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
_VIEW = "insert into video_view (video_id, viewer, half_hour, at) values (1, $1::text::bytea, 1, $2)"


async def test_views_are_deleted_after_days_and_stay_counted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 3)
    await database.execute(ADD_VIDEO, await new_user(database))
    for age in range(1, 21):
        await database.execute(_VIEW, str(age), NOW - dt.timedelta(days=age))
    await delete_old_views.function(ViewRetention(database, days=10, clock=lambda: NOW))
    assert await database.fetchval("select min(at) from video_view") == NOW - dt.timedelta(days=10)
    assert await database.fetchval("select count(*) from video_view") == 10
    assert await database.fetchval("select sum(views)::int from video_count") == 20
