"""Compares storage and database: files without a row, kept rows without a file, and rows that were never finished."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from control_plane.db.pool import Database
from control_plane.storage import store
from control_plane.storage.files import delete_file
from control_plane.storage.model import FileName, Listed, Storage

YOUNG = dt.timedelta(hours=1)
"""Younger files without a row are left alone: another program may be copying a backup back."""


@dataclass(slots=True)
class Report:
    files: int = 0
    bytes: int = 0
    strays: list[Listed] = field(default_factory=list)
    """In storage, unknown to the database."""
    missing: list[FileName] = field(default_factory=list)
    """Kept by the database, not in storage: to be restored from a backup."""
    overdue: list[FileName] = field(default_factory=list)
    """To be deleted, for an hour already."""


async def check(storage: Storage, database: Database) -> Report:
    """Raises StorageUnavailable."""
    report, present = Report(), set()
    oldest = dt.datetime.now(dt.UTC) - YOUNG
    async for page in storage.list():
        known = await store.states(database, [file.name for file in page])
        for file in page:
            report.files += 1
            report.bytes += file.bytes
            present.add(file.name)
            if file.name not in known and file.modified_at < oldest:
                report.strays.append(file)
    last = 0
    while rows := await store.kept(database, last):
        for last, name in rows:  # noqa: B007  the last id is where the next page begins
            if name not in present and await storage.size(name) is None:
                report.missing.append(name)
    async with database.connection() as connection:
        report.overdue = list(await store.deleting(connection, YOUNG))
    return report


async def repair(report: Report, database: Database) -> int:
    """Enqueue the deletion of strays and of overdue files. Returns their number. Missing files cannot be repaired."""
    enqueued = 0
    for file in report.strays:
        async with database.transaction() as connection:
            if await store.add_stray(connection, file.name, file.bytes):
                await delete_file.enqueue(connection, name=file.name)
                enqueued += 1
    async with database.transaction(30) as connection:
        for name in report.overdue:
            await delete_file.enqueue(connection, name=name)
    return enqueued + len(report.overdue)
