"""What the plan of a statement costs when it runs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from control_plane.db.pool import Database


async def measured(database: Database, statement: str, *args: object) -> tuple[int, int]:
    """Blocks touched, and the largest number of rows that one step of the plan returned or filtered."""

    def steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield plan
        for below in plan.get("Plans", ()):
            yield from steps(below)

    explained = await database.fetchval(f"explain (analyze, buffers, format json) {statement}", *args)
    plan = json.loads(explained)[0]["Plan"]
    rows = max(
        (step["Actual Rows"] + step.get("Rows Removed by Filter", 0)) * step["Actual Loops"] for step in steps(plan)
    )
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], rows
