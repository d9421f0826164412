"""`stagedoor ledger export`: the file, and what the audit log says of it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from control_plane.db.pool import Database
from control_plane.ledger.adjustments import adjust
from control_plane.ledger.export import InvalidPeriod
from control_plane.operations.audit import latest
from stagedoor.cli.ledger import FileNotWritten
from tests.control_plane.ledger.test_export import into_the_past
from tests.control_plane.people import new_user
from tests.stagedoor.cli.operator import Operator

PERIOD = ("ledger", "export", "--from", "2026-01-01", "--to", "2026-01-31T00:00")


async def test_a_period_is_written_to_a_private_file_or_printed(
    operator: Operator, database: Database, tmp_path: Path
) -> None:
    user_id = await new_user(database)
    await adjust(database, user_id, 7, "key", "a word of thanks")
    await into_the_past(database)
    file = tmp_path / "january.csv"
    assert await operator.types(*PERIOD, "--out", str(file)) == ""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    head, *entries, bought, given = file.read_text().splitlines()
    assert head == "time,transfer,operation,kind,owner,amount,balance_after,note"
    assert sorted(entries) == [
        "2026-01-01T05:00:00+00:00,1,adjustment,adjustment,system,-7,,a word of thanks",
        f"2026-01-01T05:00:00+00:00,1,adjustment,bought,{user_id},7,7,a word of thanks",
    ]
    assert sorted((bought, given)) == ["total,,,adjustment,system,-7,,", "total,,,bought,users,7,,"]
    assert (await operator.types(*PERIOD)).splitlines() == file.read_text().splitlines()
    for wrong in (("--from", "2026-02-01"), ("--to", "2099-01-01")):
        with pytest.raises(InvalidPeriod):
            await operator.types(*PERIOD, *wrong)
    with pytest.raises(FileNotWritten, match="File exists"):
        await operator.types(*PERIOD, "--out", str(file / "below"))
    acts = [(entry.act, entry.subject, dict(entry.detail)) for entry in await latest(database, 10)]
    period = {"from": "2026-01-01T00:00:00+00:00", "to": "2026-01-31T00:00:00+00:00"}
    assert acts == [("ledger.exported", "ledger", period)] * 3
