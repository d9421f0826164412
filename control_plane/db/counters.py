"""Counters: counts kept in a table, so that reading one costs the same for any number of counted rows.

The table `counter` (migration 0008) is updated by the SQL function `counter_add(name, subject_id, change)`, in the
transaction that writes the counted row. A counter has several rows, its slots, so that no writer waits for another one
(migration 0033).
"""

from __future__ import annotations


def value_of(name: str, subject: str) -> str:
    """An SQL expression for a count. `subject` is an SQL expression for the id that the counter belongs to."""
    counted = f"name = '{name}' and subject_id = {subject}"
    return f"(select coalesce(sum(value), 0)::bigint from counter where {counted})"  # noqa: S608 (constants of stores)
