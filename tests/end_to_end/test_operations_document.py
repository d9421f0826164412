"""The metrics in `docs/operations.md` are those of a running server."""

from __future__ import annotations

import re
from pathlib import Path

from tests.end_to_end.platform import Stagedoor

DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"
METRIC = re.compile(r"stagedoor_(?!owner\b|server\b)[a-z_]+")
"""All names but those of the database's roles."""


async def test_every_metric_is_explained_and_no_other(stagedoor: Stagedoor) -> None:
    types = re.findall(r"^# TYPE (stagedoor_\w+) (\w+)$", await stagedoor.metrics(), re.MULTILINE)
    measured = {name for name, _ in types if not name.endswith("_created")}
    document = DOCUMENT.read_text()
    explained = {
        name for row in re.findall(r"^\| `stagedoor_.*$", document, re.MULTILINE) for name in METRIC.findall(row)
    }
    assert explained == measured
    assert set(METRIC.findall(document)) <= measured, "alerts too are of these"
