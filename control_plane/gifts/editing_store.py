"""SQL that edits the catalogue of gifts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from control_plane.base.ids import GiftId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row

_EDITABLE = "id, title, coins, category, picture, featured, time_s, position, active"
_ALL = f"select {_EDITABLE} from gift order by active desc, position, id"
_ONE = f"select {_EDITABLE} from gift where id = $1"
_TERMS = "select nullif(since, '-infinity') as since, title, picture from gift_terms where gift_id = $1 order by gift_terms.since"
_PICTURES = "select distinct picture from gift_terms where gift_id = $1"
_ADD = """
    insert into gift (title, coins, category, picture, featured, time_s, position)
    values ($1, $2, $3, $4, $5, $6, coalesce($7, (select coalesce(max(position), 0) + 1 from gift)))
    returning id
"""
_EDIT = """
    update gift set title = coalesce($2, title), coins = coalesce($3, coins), category = coalesce($4, category),
        picture = coalesce($5, picture), featured = coalesce($6, featured), time_s = coalesce($7, time_s),
        position = coalesce($8, position), own = array(select distinct unnest(own || $9::text[]))
    where id = $1 returning id
"""
_SET_ACTIVE = "update gift set active = $2 where id = $1 returning id"
_COLUMNS = ("title", "coins", "category", "picture", "featured", "time_s", "position")


async def all_gifts(database: Database) -> Sequence[Row]:
    """Those on offer first, in their order."""
    return await database.fetch(_ALL)


async def gift(database: Database, gift_id: GiftId) -> Row | None:
    return await database.fetchrow(_ONE, gift_id)


async def terms(database: Database, gift_id: GiftId) -> Sequence[Row]:
    """Titles and pictures that it had, the first ones first; `since` is null for these."""
    return await database.fetch(_TERMS, gift_id)


async def pictures(connection: Connection, gift_id: GiftId) -> Sequence[str]:
    """All pictures that the gift had: what was sent with them still shows them."""
    return [row["picture"] for row in await connection.fetch(_PICTURES, gift_id)]


async def add(connection: Connection, values: Mapping[str, Any]) -> GiftId:
    added: GiftId = await connection.fetchval(_ADD, *(values.get(name) for name in _COLUMNS))
    return added


async def edit(connection: Connection, gift_id: GiftId, values: Mapping[str, Any]) -> bool:
    """Set these columns. From now on a start leaves them as they are. False: there is no such gift."""
    new = [values.get(name) for name in _COLUMNS]
    return await connection.fetchval(_EDIT, gift_id, *new, list(values)) is not None


async def set_active(connection: Connection, gift_id: GiftId, *, active: bool) -> bool:
    """False: there is no such gift."""
    return await connection.fetchval(_SET_ACTIVE, gift_id, active) is not None
