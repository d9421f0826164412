"""The export of a period, compared with the trial balance."""

from __future__ import annotations

import csv
import datetime as dt
from collections import Counter
from random import Random
from typing import Any

import pytest

from control_plane.base.clock import utc_now
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.ledger.adjustments import adjust
from control_plane.ledger.export import COLUMNS, InvalidPeriod, export
from tests.control_plane.ledger.test_history import anything
from tests.control_plane.people import new_user
from tests.postgres import by_superuser

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
HALF = START + dt.timedelta(days=15)
END = START + dt.timedelta(days=30)
_TRIAL_BALANCE = """
    select kind, owner_id is null as is_system, sum(amount)::bigint as total
    from ledger_entry entry join ledger_account account on account.id = account_id group by 1, 2
"""
_ENTRIES = "select count(*) from ledger_entry"
_HIGHER = """
    with transfer as (
        insert into ledger_transfer (user_id, operation, idempotency_key, fingerprint, created_at)
        select min(id), 'adjustment', 'higher', '', $1 from app_user returning id
    )
    insert into ledger_entry (transfer_id, account_id, amount)
    select transfer.id, account.id, amount from transfer, ledger_account account, unnest(array[1, -1]) as amount where kind = 'adjustment'
"""
_LATE = """
    with transfer as (
        insert into ledger_transfer (user_id, operation, idempotency_key, fingerprint, created_at)
        values ($1, 'adjustment', 'late', '', $2) returning id
    )
    insert into ledger_entry (transfer_id, account_id, amount)
    select transfer.id, account.id, case when owner_id is null then -1000 else 1000 end
    from transfer, ledger_account account
    where (kind, owner_id) = ('bought', $1) or kind = 'adjustment'
"""


async def into_the_past(database: Database) -> None:
    """Transfer n was made 5 × n hours after START."""
    await by_superuser(
        database,
        "set session_replication_role = replica;"
        f" update ledger_transfer set created_at = timestamptz '{START.isoformat()}' + id * interval '5 hours'",
    )


async def exported(database: Database, start: dt.datetime, end: dt.datetime) -> list[dict[str, Any]]:
    text = "".join([piece async for piece in export(database, start, end, transfers=7)])
    return list(csv.DictReader(text.splitlines()))


def totals(rows: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    return Counter({(row["kind"], row["owner"]): int(row["amount"]) for row in rows if row["time"] == "total"})


@pytest.fixture
async def ann(database: Database) -> UserId:
    return await new_user(database)


async def test_periods_sum_to_the_trial_balance(database: Database, ann: UserId) -> None:
    ben = await new_user(database)
    random = Random(7)
    for number in range(60):
        await adjust(database, (ann, ben)[number % 2], 10, str(number))
        await anything(database, random, ann, ben)
    await into_the_past(database)
    periods = [await exported(database, *period) for period in ((START, HALF), (HALF, END))]
    lines = [[row for row in rows if row["time"] != "total"] for rows in periods]
    assert all(lines)
    assert sum(map(len, lines)) == await database.fetchval(_ENTRIES)
    for rows in lines:
        assert all(START.isoformat() <= row["time"] < END.isoformat() for row in rows)
        assert [int(row["transfer"]) for row in rows] == sorted(int(row["transfer"]) for row in rows)
    assert max(row["time"] for row in lines[0]) < HALF.isoformat() <= min(row["time"] for row in lines[1])
    for rows, of_entries in zip(periods, lines, strict=True):
        sums: Counter[tuple[str, str]] = Counter()
        for row in of_entries:
            sums[row["kind"], "system" if row["owner"] == "system" else "users"] += int(row["amount"])
        assert totals(rows) == sums
        assert sum(totals(rows).values()) == 0
    trial_balance = {
        (row["kind"], "system" if row["is_system"] else "users"): row["total"]
        for row in await database.fetch(_TRIAL_BALANCE)
    }
    added = totals(periods[0])
    added.update(totals(periods[1]))
    assert added == trial_balance


async def test_what_is_committed_during_an_export_is_not_in_it(database: Database, ann: UserId) -> None:
    for number in range(20):
        await adjust(database, ann, 1, str(number))
    await into_the_past(database)
    async with database.transaction() as late:
        await late.execute(_LATE, ann, START)
        await database.execute(_HIGHER, START)
        pieces = export(database, START, END, transfers=7)
        text = await anext(pieces) + await anext(pieces)
    text += "".join([piece async for piece in pieces])
    assert totals(list(csv.DictReader(text.splitlines())))["bought", "users"] == 20
    assert totals(await exported(database, START, END))["bought", "users"] == 1020


@pytest.mark.parametrize("note", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
async def test_a_note_is_no_formula(database: Database, ann: UserId, note: str) -> None:
    await adjust(database, ann, 1, "key", note)
    await into_the_past(database)
    text = "".join([piece async for piece in export(database, START, END)])
    rows = list(csv.reader(text.splitlines(keepends=True)))
    assert rows[0] == list(COLUMNS)
    assert [row[-1].replace("\r\n", "\r") for row in rows[1:3]] == [f"'{note}"] * 2
    assert {row[5] for row in rows[1:3]} == {"1", "-1"}, "numbers stay numbers"


async def test_a_period_without_transfers_has_its_head_only(database: Database) -> None:
    assert [piece async for piece in export(database, START, END)] == [",".join(COLUMNS) + "\r\n", ""]


async def test_a_period_that_may_still_get_transfers_is_refused(database: Database) -> None:
    for start, end in ((START, utc_now()), (START, START), (END, START)):
        with pytest.raises(InvalidPeriod):
            await anext(export(database, start, end))
