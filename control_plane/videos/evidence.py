"""A video as evidence of a report: what it says now, and files that show it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.storage.model import FileName, is_stored
from control_plane.videos import store
from control_plane.videos.video import Privacy, VideoId


@dataclass(frozen=True, slots=True)
class Evidence:
    user_id: UserId
    description: str
    privacy: Privacy
    created_at: dt.datetime
    files: Sequence[FileName]
    """The poster and the smaller copy, in storage. The report has to use them, or they are deleted with the video."""


async def evidence(database: Database, video_id: VideoId) -> Evidence | None:
    """None: there is no such video, or it was deleted."""
    row = await store.evidence(database, video_id)
    if row is None:
        return None
    files = [FileName(name) for name in row["files"] if is_stored(name)]
    return Evidence(row["user_id"], row["description"], Privacy(row["privacy"]), row["created_at"], files)
