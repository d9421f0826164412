"""SQL of sliders, interests and the licence text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import asyncpg

from control_plane.base.ids import UserId
from control_plane.content.model import (
    ContentNotFound,
    Interest,
    InterestSection,
    InvalidContent,
    Slider,
    UnknownInterest,
)
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row

_SLIDERS = "select id, picture, url, position from app_slider order by position, id"
_SECTIONS = """
    select section.id as section_id, section.title as section_title, interest.id, interest.title
    from interest_section section left join interest on interest.section_id = section.id
    order by section.position, section.id, interest.position, interest.id
"""
_LICENCE = "select text from licence"
_CHOOSE = """
    with wanted as (select distinct unnest($2::integer[]) as id),
    known as (select id from interest where id = any($2)),
    complete as (select (select count(*) from known) = (select count(*) from wanted) as yes),
    dropped as (
        delete from user_interest where user_id = $1 and interest_id <> all($2) and (select yes from complete)
    ), added as (
        insert into user_interest (user_id, interest_id) select $1, id from known where (select yes from complete)
        on conflict do nothing
    )
    select yes from complete
"""
_CHOOSE_BY_TITLE = """
    insert into user_interest (user_id, interest_id) select $1, id from interest where title = any($2::text[])
"""
_CHOSEN = """
    select section.title as section, interest.title
    from user_interest join interest on interest.id = interest_id join interest_section section on section.id = section_id
    where user_id = $1 order by interest_id
"""
_FORGET_CHOSEN = "delete from user_interest where user_id = $1"
_ADD_SLIDER = """
    insert into app_slider (picture, url, position)
    values ($1, $2, coalesce($3, (select coalesce(max(position), 0) + 1 from app_slider))) returning id
"""
_EDIT_SLIDER = """
    update app_slider set picture = coalesce($2, picture), url = coalesce($3, url), position = coalesce($4, position)
    where id = $1 returning id
"""
_REMOVE_SLIDER = "delete from app_slider where id = $1 returning id"
_SECTION = """
    insert into interest_section (title, position)
    values ($1, (select coalesce(max(position), 0) + 1 from interest_section))
    on conflict (title) do update set title = excluded.title
    returning id
"""
_ADD_INTEREST = """
    insert into interest (section_id, title, position)
    values ($1, $2, (select coalesce(max(position), 0) + 1 from interest where section_id = $1))
    on conflict (section_id, title) do nothing
    returning id
"""
_EDIT_INTEREST = (
    "update interest set title = coalesce($2, title), section_id = coalesce($3, section_id) where id = $1 returning id"
)
_REMOVE_INTEREST = "delete from interest where id = $1 returning id"
_REMOVE_SECTION = "delete from interest_section where title = $1 returning id"
_SET_LICENCE = """
    insert into licence (text) values ($1) on conflict (only_row) do update set text = excluded.text
"""


async def sliders(source: Connection | Database) -> Sequence[Slider]:
    """In the order in which the apps show them."""
    return [Slider(**row) for row in await source.fetch(_SLIDERS)]


async def interest_sections(source: Connection | Database) -> Sequence[InterestSection]:
    """In the order in which the apps show them, each with its interests."""
    rows = await source.fetch(_SECTIONS)
    return [
        InterestSection(
            id=section_id,
            title=title,
            interests=[Interest(row["id"], row["title"]) for row in group if row["id"] is not None],
        )
        for (section_id, title), group in groupby(rows, key=lambda row: (row["section_id"], row["section_title"]))
    ]


async def licence(source: Connection | Database) -> str:
    """ "" if there is none."""
    return await source.fetchval(_LICENCE) or ""


async def choose_interests(database: Database, user_id: UserId, interest_ids: Sequence[int]) -> None:
    """Replace the interests of a user. Raises UnknownInterest; nothing has changed then."""
    try:
        chosen = await database.fetchval(_CHOOSE, user_id, interest_ids)
    except asyncpg.ForeignKeyViolationError:  # an operator removed one of them meanwhile
        raise UnknownInterest from None
    if not chosen:
        raise UnknownInterest


async def choose_interests_by_title(connection: Connection, user_id: UserId, titles: Sequence[str]) -> None:
    """Choose interests for a new user. Titles that no interest has are left out."""
    await connection.execute(_CHOOSE_BY_TITLE, user_id, titles)


async def exported_interests(database: Database, user_id: UserId) -> Sequence[Row]:
    return await database.fetch(_CHOSEN, user_id)


async def forget_person(connection: Connection, user_id: UserId) -> None:
    await connection.execute(_FORGET_CHOSEN, user_id)


async def add_slider(connection: Connection, picture: str, url: str, position: int | None) -> int:
    """`position` None: the last one."""
    added: int = await connection.fetchval(_ADD_SLIDER, picture, url, position)
    return added


async def edit_slider(
    connection: Connection, slider_id: int, picture: str | None, url: str | None, position: int | None
) -> None:
    """None: unchanged. Raises ContentNotFound."""
    await _change(connection, f"slider {slider_id}", _EDIT_SLIDER, slider_id, picture, url, position)


async def remove_slider(connection: Connection, slider_id: int) -> None:
    """Raises ContentNotFound."""
    await _change(connection, f"slider {slider_id}", _REMOVE_SLIDER, slider_id)


async def add_interest(connection: Connection, section: str, title: str) -> int | None:
    """Add an interest to the section with this title, which is created if there is none. None: it is there already."""
    section_id = await connection.fetchval(_SECTION, section)
    added: int | None = await connection.fetchval(_ADD_INTEREST, section_id, title)
    return added


async def edit_interest(connection: Connection, interest_id: int, title: str | None, section: str | None) -> None:
    """None: unchanged. A section that does not exist is created. Raises ContentNotFound and InvalidContent."""
    section_id = None if section is None else await connection.fetchval(_SECTION, section)
    try:
        await _change(connection, f"interest {interest_id}", _EDIT_INTEREST, interest_id, title, section_id)
    except asyncpg.UniqueViolationError:
        raise InvalidContent("This section has an interest with this title already.") from None


async def remove_interest(connection: Connection, interest_id: int) -> None:
    """Remove it also from the users who chose it. Raises ContentNotFound."""
    await _change(connection, f"interest {interest_id}", _REMOVE_INTEREST, interest_id)


async def remove_section(connection: Connection, title: str) -> None:
    """Remove a section with all its interests. Raises ContentNotFound."""
    await _change(connection, f"section “{title}”", _REMOVE_SECTION, title)


async def set_licence(connection: Connection, text: str) -> None:
    await connection.execute(_SET_LICENCE, text)


async def _change(connection: Connection, what: str, statement: str, *values: object) -> None:
    if await connection.fetchval(statement, *values) is None:
        raise ContentNotFound(f"There is no {what}.")
