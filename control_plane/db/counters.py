"""Counters: counts that grow with history, kept in the transaction that writes what is counted, so that a read costs the same however many rows
there are. The table is `counter` of migration 0008; `counter_add(name, subject_id, change)` writes one, in SQL.
"""

from __future__ import annotations


def value_of(name: str, subject: str) -> str:
    """SQL for a count. `name` is the counter's name, `subject` an SQL expression for the id of what it belongs to."""
    counted = f"name = '{name}' and subject_id = {subject}"
    return f"(select coalesce(sum(value), 0)::bigint from counter where {counted})"  # noqa: S608 (constants of stores)
