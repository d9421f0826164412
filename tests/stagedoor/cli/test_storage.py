"""`stagedoor storage`."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from control_plane.db.pool import Database
from control_plane.jobs import store as jobs
from control_plane.operations.audit import latest
from control_plane.storage.files import Files
from control_plane.storage.model import public_name
from control_plane.storage.places import Folder
from stagedoor.cli import app


async def test_what_does_not_belong_together_is_listed_and_repaired(
    dsn: str, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.storage.check.YOUNG", dt.timedelta(0))
    environ = {"LIVE_DATABASE_URL": dsn, "LIVE_DATA_DIR": str(tmp_path), "COLUMNS": "200"}

    async def check(*options: str) -> tuple[int, str]:
        result = await asyncio.to_thread(CliRunner().invoke, app, ["storage", "check", *options], env=environ)
        return result.exit_code, result.output

    assert await check() == (0, "0 files, 0 MB.\n")
    files = Files(Folder(tmp_path / "media"), database)
    lost = await files.add("pictures", b"lost", "jpg", owner=None)
    async with database.transaction() as connection:
        await files.use(connection, "user/1/picture", [lost])
    stray = public_name("pictures", bytes(32), "jpg")
    await files.storage.put(stray, b"stray")
    status, told = await check("--repair")
    assert (status, stray in told, "is enqueued" in told) == (0, True, True)
    for job in await jobs.latest(database, 10):
        await files.delete(job.arguments["name"])
    assert await files.storage.size(stray) is None
    await files.storage.delete(lost)
    status, told = await check()
    assert (status, lost in told, stray in told) == (1, True, False)
    status, told = await check("--json")
    report: dict[str, Any] = json.loads(told)
    assert (status, report["missing"], report["strays"]) == (1, [lost], [])
    assert [entry.act for entry in await latest(database, 10)] == ["storage.repaired"]
