"""Exports everything that is stored about a user, as JSON. Each domain gives its part from its own tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from control_plane.base.clock import Clock, utc_now
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.db.pool import Database, Row
from control_plane.personal_data import store

PAGE = 500
"""Rows that are read and encoded at once. More: encoding blocks the event loop for longer. Fewer: more queries."""
MOST_A_DAY = 3
"""Exports of one user in 24 hours. More: more load by one user."""
LARGEST_ID = 2**62

Entry: TypeAlias = "Mapping[str, Any] | Row"
Whole = Callable[[Database, UserId], Awaitable[Sequence[Entry]]]
Paged = Callable[[Database, UserId, int, int], Awaitable[Sequence[Entry]]]
"""(database, user, before, limit) → rows with ids below `before`, newest first. Each has its id under `id`."""


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    """The key in the exported object."""
    whole: Whole | None = None
    paged: Paged | None = None


class TooManyExports(ControlPlaneError):
    code = "too_many_exports"
    kind = ErrorKind.TOO_OFTEN

    def __init__(self) -> None:
        super().__init__(f"Your data can be exported {MOST_A_DAY} times a day. Please try again tomorrow.")


class Export:
    def __init__(self, database: Database, parts: Sequence[Part], clock: Clock = utc_now) -> None:
        self._database = database
        self._parts = parts
        self._clock = clock

    async def count(self, user_id: UserId) -> None:
        """Count an export by the user. Raises TooManyExports."""
        now = self._clock()
        async with self._database.transaction() as connection:
            if not await store.count_export(connection, user_id, now, now - dt.timedelta(days=1), MOST_A_DAY):
                raise TooManyExports

    async def encoded(self, user_id: UserId, most: int | None = None) -> AsyncIterator[bytes]:
        """One JSON object in pieces: a list for each part, newest first. `most`: rows of each list; `left_off` names
        the lists that have more."""
        left_off = []
        yield b'{"exported_at":' + msgspec.json.encode(self._clock())
        for part in self._parts:
            yield b"," + msgspec.json.encode(part.name) + b":["
            entries, separator, before = 0, b"", LARGEST_ID
            while page := await self._page(part, user_id, before):
                if most is not None and entries + len(page) > most:
                    page = page[: most - entries]
                    left_off.append(part.name)
                if page:
                    yield separator + msgspec.json.encode([_presentable(entry) for entry in page])[1:-1]
                    entries, separator = entries + len(page), b","
                if part.paged is None or left_off[-1:] == [part.name]:
                    break
                before = page[-1]["id"]
            yield b"]"
        yield b',"left_off":' + msgspec.json.encode(left_off) + b"}"

    async def _page(self, part: Part, user_id: UserId, before: int) -> Sequence[Entry]:
        if part.paged is not None:
            return await part.paged(self._database, user_id, before, PAGE)
        assert part.whole is not None
        return await part.whole(self._database, user_id)


def _presentable(entry: Entry) -> dict[str, Any]:
    """Without nulls and booleans, like all answers."""
    return {key: int(value) if isinstance(value, bool) else value for key, value in entry.items() if value is not None}
