"""The finding of `stagedoor doctor` about codes by text message."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from control_plane.accounts.codes import store as codes
from control_plane.base.clock import utc_now
from control_plane.config.ports import Ports
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from stagedoor.cli.doctor.finding import State
from stagedoor.cli.doctor.installation import Installation
from stagedoor.cli.doctor.messages import codes_of_today
from tests.postgres import EMPTY, TestPostgres


async def test_the_codes_by_text_message_of_this_day_are_told(
    postgres: TestPostgres, dsn: str, database: Database, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path, sms_url="json://127.0.0.1:9", sms_per_day=2)
    at = Installation(settings, False, False, {}, False, Ports.of(settings), dsn, "")
    for number in range(2):
        finding = await codes_of_today(at)
        assert finding is not None
        assert (finding.state, finding.text) == (State.OK, f"{number} of 2 today (UTC)")
        async with database.transaction() as connection:
            assert await codes.count_by_text_message(connection, 2, utc_now())
    finding = await codes_of_today(at)
    assert finding is not None
    assert finding.state is State.WARNING
    assert "LIVE_SMS_PER_DAY" in finding.advice
    assert await codes_of_today(replace(at, settings=replace(settings, sms_per_day=0))) is None
    assert await codes_of_today(replace(at, dsn=None)) is None
    async with postgres.database(EMPTY) as empty:
        finding = await codes_of_today(replace(at, dsn=empty))
        assert finding is not None
        assert finding.state is State.OK
