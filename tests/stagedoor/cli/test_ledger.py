"""`stagedoor ledger check`, and the doctor's line about the ledger."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from control_plane.config.ports import Ports
from control_plane.config.settings import Settings
from control_plane.db.pool import Database
from control_plane.ledger import check_store
from control_plane.ledger.check_store import Position, Scope
from control_plane.ledger.metrics import LedgerMetrics
from control_plane.observe.metrics import Metrics
from stagedoor.cli.doctor.finding import Finding, State
from stagedoor.cli.doctor.installation import Installation
from stagedoor.cli.doctor.ledger import checked
from tests.control_plane.gifts.stage import HEART, Stage, order
from tests.control_plane.ledger.test_check import CHANGES, people, tamper
from tests.stagedoor.cli.typed import typed

RIGHT = "Every balance is the sum of its entries."


async def doctors(dsn: str, folder: Path, *, running: bool = False) -> Finding:
    settings = Settings(data_dir=folder)
    found = await checked(Installation(settings, running, False, {}, False, Ports.of(settings), dsn, ""))
    assert found is not None
    return found


async def test_the_trial_balance_is_printed(dsn: str, database: Database, tmp_path: Path) -> None:
    stage = Stage(database)
    await stage.open()
    ann, (star, _) = await stage.user(coins=105), await stage.star()
    await stage.gifts.send(order(ann, star, HEART, 6))
    await stage.close()
    environ = {"LIVE_DATABASE_URL": dsn, "LIVE_DATA_DIR": str(tmp_path)}
    told = await typed("ledger", "check", **environ)
    assert told.exit_code == 0, told.output
    lines = [line.split() for line in told.output.splitlines() if not line.startswith("•")]
    assert lines[1:-1] == [
        ["users", "earned", "30"],
        ["users", "bought", "75"],
        ["system", "adjustment", "-105"],
        ["sum", "0"],
    ]
    assert told.output.splitlines()[-1] == RIGHT
    answer = json.loads((await typed("ledger", "check", "--json", **environ)).output)
    assert (answer["sum"], answer["differences"], answer["found"]) == (0, 0, [])
    assert {"of": "users", "kind": "bought", "coins": 75} in answer["trial_balance"]


async def test_a_ledger_without_entries_is_right(dsn: str, tmp_path: Path) -> None:
    told = await typed("ledger", "check", LIVE_DATABASE_URL=dsn, LIVE_DATA_DIR=str(tmp_path))
    assert (told.exit_code, told.output.splitlines()[-1]) == (0, RIGHT)


@pytest.mark.parametrize("change", ["a changed balance", "a changed amount", "a deleted entry"])
async def test_a_difference_is_named_and_the_status_is_1(
    dsn: str, database: Database, tmp_path: Path, change: str
) -> None:
    await people(database)
    statement, says = CHANGES[change]
    await tamper(database, statement)
    for more in ((), ("--json",)):
        told = await typed("ledger", "check", *more, LIVE_DATABASE_URL=dsn, LIVE_DATA_DIR=str(tmp_path))
        assert told.exit_code == 1
        assert says in told.output
    finding = await doctors(dsn, tmp_path)
    assert finding.state is State.BROKEN
    assert "difference" in finding.text


@pytest.mark.parametrize("total", ["coins_received", "stream", "stream_gifter", "gift_total"])
async def test_a_wrong_total_of_gifts_is_named(dsn: str, database: Database, tmp_path: Path, total: str) -> None:
    stage = Stage(database)
    await stage.open()
    ann, (star, _) = await stage.user(coins=5), await stage.star()
    await stage.gifts.send(order(ann, star, HEART))
    await stage.close()
    environ = {"LIVE_DATABASE_URL": dsn, "LIVE_DATA_DIR": str(tmp_path)}
    assert (await typed("ledger", "check", **environ)).exit_code == 0
    await database.execute(f"update {total} set coins = coins + 1")
    told = await typed("ledger", "check", **environ)
    assert told.exit_code == 1
    assert f"{total} " in told.output


async def test_the_doctor_tells_when_it_was_checked(dsn: str, database: Database, tmp_path: Path) -> None:
    assert (await doctors(dsn, tmp_path)).text.startswith("not checked yet")
    await check_store.record(database, Scope.NEW, Position(1, 1), 0, [])
    assert (await doctors(dsn, tmp_path, running=True)).state is State.OK
    await database.execute("update ledger_check set checked_at = now() - $1::interval", dt.timedelta(hours=27))
    assert (await doctors(dsn, tmp_path)).state is State.OK, "no server runs"
    assert (await doctors(dsn, tmp_path, running=True)).state is State.WARNING


async def test_the_metrics_are_of_the_latest_checks(database: Database) -> None:
    metrics = Metrics()
    await check_store.record(database, Scope.NEW, Position(1, 1), 3, ["a difference"])
    (latest,) = await check_store.latest(database)
    LedgerMetrics(metrics).set(latest)
    read = metrics.registry.get_sample_value
    assert read("stagedoor_ledger_differences", {"check": "new"}) == 3
    assert read("stagedoor_ledger_checked_at", {"check": "new"}) == latest.checked_at.timestamp()
