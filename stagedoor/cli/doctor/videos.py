"""Doctor's check of videos: rows without files, and files without rows."""

from __future__ import annotations

import asyncio

import asyncpg

from control_plane.base.ids import LARGEST_ID
from control_plane.db.connections import Connection
from control_plane.storage.model import FileName, Storage
from control_plane.videos import check_store
from stagedoor.cli.doctor.finding import Finding, broken, ok, warning
from stagedoor.cli.doctor.installation import Installation
from stagedoor.parts.storage import storage

WITHIN_S = 20.0
"""For rows and files together. Longer: doctor keeps a busy database busy. Shorter: it finds less of a large one."""
SHOWN = 3
"""Of each kind of fault."""
PAGE = 100
_SINCE = 33
"""The migration that adds contents."""


async def files(at: Installation) -> Finding | None:
    """Compares all rows with each other, and as many of the newest contents with their files as there is time for."""
    async with at.connection(_SINCE) as connection:
        if connection is None:
            return None
        end = asyncio.get_running_loop().time() + WITHIN_S
        await connection.execute(f"set statement_timeout = {int(WITHIN_S * 1000)}")
        try:
            rowless = await check_store.without_file(connection, SHOWN)
            unneeded = await check_store.without_content(connection, SHOWN)
            unseen = await check_store.without_video(connection, SHOWN)
        except asyncpg.QueryCanceledError:
            return warning(f"their rows were not compared within {WITHIN_S:g} s", "Run this again at a quieter time.")
        looked_at, lost = await _lost(storage(at.settings), connection, end)
    if lost:
        return broken(
            f"files are lost: {', '.join(lost)}", "Restore them from a backup; `stagedoor storage check` lists all."
        )
    faults = [f"content {one.id} lacks {one.name or 'a file'}" for one in rowless]
    faults += [f"{name} is kept for no video" for name in unneeded]
    faults += [f"content {content_id} has no video" for content_id in unseen]
    if faults:
        return broken("; ".join(faults), "Report how it came to that: rows and files change in one transaction.")
    return ok(f"rows and files fit; {looked_at} files were looked for")


async def _lost(place: Storage, connection: Connection, end: float) -> tuple[int, list[FileName]]:
    """The number of files that were looked for, and the first ones that are not there. Raises StorageUnavailable."""
    looked_at, lost, before = 0, list[FileName](), LARGEST_ID
    while found := await check_store.newest(connection, before, PAGE):
        for file in found:
            if len(lost) == SHOWN or asyncio.get_running_loop().time() > end:
                return looked_at, lost
            looked_at += 1
            if await place.size(file.name) is None:
                lost.append(file.name)
            before = file.id
    return looked_at, lost
