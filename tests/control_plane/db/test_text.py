"""Which texts PostgreSQL can hold."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from control_plane.db.pool import Database
from control_plane.db.text import is_storable


@pytest.mark.parametrize("text", ["a\0b", "a\ud800", "\udfffb"])
async def test_what_is_not_storable_is_refused_by_postgresql(database: Database, text: str) -> None:
    with pytest.raises((asyncpg.DataError, UnicodeEncodeError)):
        await database.fetchval("select $1::text", text)
    for content in (text, [text], {"a": [{"b": text}]}, {text: 1}):
        assert not is_storable(content)


@pytest.mark.parametrize("text", ["", "a\x01b", "\ud7ff\ue000\uffff", "\U0001f600"])
async def test_other_texts_are_stored(database: Database, text: str) -> None:
    assert await database.fetchval("select $1::text", text) == text
    assert is_storable({text: [text, 1, None, True, 1.5]})


def test_deep_nesting_is_no_obstacle() -> None:
    content: Any = "\0"
    for _ in range(10_000):
        content = [content]
    assert not is_storable(content)
