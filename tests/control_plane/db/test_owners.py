"""Each table of the database is written by the SQL of one folder, and rows are read by name."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[3]
WRITES = re.compile(
    r"\b(?:insert into|delete from|(?<!do )update)\s+([a-z_]+)\s*(?:\(|set\b|where\b|account\b|as\b|\"|$)"
)
CODE = [
    file
    for folder in ("control_plane", "stagedoor", "api", "hooks", "mediamtx")
    for file in (ROOT / folder).rglob("*.py")
]


DEMO = ROOT / "stagedoor/demo/social_store.py"
"""Writes what demo users did in the past, which no owner of a table can do: they all write the present time."""


def test_a_table_has_one_owner() -> None:
    owners: dict[str, set[str]] = defaultdict(set)
    for file in CODE:
        if file == DEMO:
            continue
        for table in WRITES.findall(file.read_text()):
            owners[table].add(str(file.parent.relative_to(ROOT)))
    assert owners["stream"] == {"control_plane/streams"}
    assert owners["ledger_account"] == {"control_plane/ledger"}
    assert {table: sorted(folders) for table, folders in owners.items() if len(folders) > 1} == {}
    assert len(owners) > 20, "the pattern finds the statements"


def test_rows_are_read_by_the_names_of_their_columns() -> None:
    by_place = re.compile(r"\(\*row\b|\brow\[[0-9]|\bfor \w+, \w+.* in await \w+\.fetch\(")
    assert [str(file) for file in CODE if by_place.search(file.read_text())] == []
