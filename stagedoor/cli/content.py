"""`stagedoor content`: edits the sliders, interests and licence text that the apps show."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from control_plane.base.ids import LARGEST_ID
from control_plane.config.settings import Settings
from control_plane.content import store
from control_plane.content.model import (
    InvalidContent,
    check_picture,
    check_url,
    checked_licence,
    checked_title,
    pictures,
)
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.operations.audit import Act, Subject, record
from stagedoor.cli.at_work import actor
from stagedoor.cli.database import with_database
from stagedoor.cli.terminal import Commands, Yes, columns, confirm, out

LONGEST_SHOWN = 40
"""Characters of a text in the audit log."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
SliderId = Annotated[
    int, typer.Argument(min=1, max=LARGEST_ID, help="Id, as shown by `stagedoor content sliders list`.")
]
InterestId = Annotated[
    int, typer.Argument(min=1, max=LARGEST_ID, help="Id, as shown by `stagedoor content interests list`.")
]
Position = Annotated[
    int | None,
    typer.Option(min=0, max=LARGEST_ID, help="Place in the order: small numbers come first (default: the last place)."),
]
ABOUT_PICTURES = (
    f"https:// address of a picture, best 1200 × 600 pixels; or {', '.join(pictures())}, which come with the server."
)
ABOUT_URL = "Address that a tap on the picture opens; empty: none."


# ── sliders ──


def list_sliders(as_json: AsJson = False) -> None:
    """List the pictures of the apps' start page, in their order."""

    async def print_sliders(database: Database, settings: Settings) -> None:
        sliders = await store.sliders(database)
        if as_json:
            typer.echo(msgspec.json.encode(sliders))
            return
        table = columns("id", "position", "picture", "opens")
        for slider in sliders:
            table.add_row(str(slider.id), str(slider.position), slider.picture, slider.url)
        out.print(table if sliders else "There are no sliders.", highlight=False, markup=False)

    with_database(print_sliders)


def add_slider(
    picture: Annotated[str, typer.Argument(help=ABOUT_PICTURES)],
    url: Annotated[str, typer.Option(help=ABOUT_URL)] = "",
    position: Position = None,
) -> None:
    """Add a picture to the apps' start page and print its id. Apps show it at their next start."""
    check_picture(picture)
    check_url(url)

    async def add(database: Database, settings: Settings) -> None:
        async with database.transaction() as connection:
            slider_id = await store.add_slider(connection, picture, url, position)
            await _record(connection, Act.SLIDER_ADDED, f"slider:{slider_id}", picture=picture, url=url)
        typer.echo(slider_id)

    with_database(add)


def edit_slider(
    slider_id: SliderId,
    picture: Annotated[str | None, typer.Option(help=ABOUT_PICTURES)] = None,
    url: Annotated[str | None, typer.Option(help=ABOUT_URL)] = None,
    position: Position = None,
) -> None:
    """Change a slider's picture, its address or its place. Options that are left out stay as they are."""
    if picture is not None:
        check_picture(picture)
    if url is not None:
        check_url(url)
    changes = {"picture": picture, "url": url, "position": position}
    given = {name: value for name, value in changes.items() if value is not None}
    if not given:
        raise typer.BadParameter("Give --picture, --url or --position.")

    async def edit(database: Database, settings: Settings) -> None:
        async with database.transaction() as connection:
            await store.edit_slider(connection, slider_id, picture, url, position)
            await _record(connection, Act.SLIDER_EDITED, f"slider:{slider_id}", **given)
        out.print(f"Slider {slider_id} is changed.")

    with_database(edit)


def remove_slider(slider_id: SliderId) -> None:
    """Remove a picture from the apps' start page."""

    async def remove(database: Database, settings: Settings) -> None:
        async with database.transaction() as connection:
            await store.remove_slider(connection, slider_id)
            await _record(connection, Act.SLIDER_REMOVED, f"slider:{slider_id}")
        out.print(f"Slider {slider_id} is removed.")

    with_database(remove)


# ── interests ──


def list_interests(as_json: AsJson = False) -> None:
    """List the interests that users can choose from, by section."""

    async def print_interests(database: Database, settings: Settings) -> None:
        sections = await store.interest_sections(database)
        if as_json:
            typer.echo(msgspec.json.encode(sections))
            return
        table = columns("id", "section", "interest")
        for section in sections:
            for interest in section.interests:
                table.add_row(str(interest.id), section.title, interest.title)
            if not section.interests:
                table.add_row("", section.title, "")
        out.print(table if sections else "There are no interests.", highlight=False, markup=False)

    with_database(print_interests)


def add_interests(
    section: Annotated[str, typer.Argument(help="Section, such as Music. A new one is created.")],
    titles: Annotated[list[str], typer.Argument(metavar="TITLE...", help="Interests, such as Singing 'DJ sets'.")],
) -> None:
    """Add interests to a section, and print their ids. What is there already is left as it is."""
    wanted = {checked_title(section): [checked_title(title) for title in titles]}

    async def add(database: Database, settings: Settings) -> None:
        async with database.transaction() as connection:
            for interest_id in await _add_all(connection, wanted):
                typer.echo(interest_id)

    with_database(add)


def edit_interest(
    interest_id: InterestId,
    title: Annotated[str | None, typer.Option(help="New title.")] = None,
    section: Annotated[str | None, typer.Option(help="Section to move it to. A new one is created.")] = None,
) -> None:
    """Rename an interest or move it to another section. Users who chose it keep it."""
    given = {"title": title, "section": section}
    changes = {name: checked_title(value) for name, value in given.items() if value is not None}
    if not changes:
        raise typer.BadParameter("Give --title or --section.")

    async def edit(database: Database, settings: Settings) -> None:
        async with database.transaction() as connection:
            await store.edit_interest(connection, interest_id, changes.get("title"), changes.get("section"))
            await _record(connection, Act.INTEREST_EDITED, f"interest:{interest_id}", **changes)
        out.print(f"Interest {interest_id} is changed.")

    with_database(edit)


def remove_interest(interest_id: InterestId, yes: Yes = False) -> None:
    """Remove an interest, also from the users who chose it."""
    confirm(f"Remove interest {interest_id}, also from the users who chose it?", yes=yes)

    async def remove(database: Database, settings: Settings) -> None:
        async with database.transaction() as connection:
            await store.remove_interest(connection, interest_id)
            await _record(connection, Act.INTEREST_REMOVED, f"interest:{interest_id}")
        out.print(f"Interest {interest_id} is removed.")

    with_database(remove)


def remove_section(
    section: Annotated[str, typer.Argument(help="Section, as shown by `stagedoor content interests list`.")],
    yes: Yes = False,
) -> None:
    """Remove a section with all its interests, also from the users who chose them."""
    confirm(f"Remove section {section} with all its interests, also from the users who chose them?", yes=yes)

    async def remove(database: Database, settings: Settings) -> None:
        async with database.transaction() as connection:
            await store.remove_section(connection, section)
            await _record(connection, Act.INTEREST_SECTION_REMOVED, "interests", section=section)
        out.print(f"Section {section} is removed.", highlight=False, markup=False)

    with_database(remove)


def import_interests(
    file: Annotated[str, typer.Argument(help="File, or - for standard input.")],
) -> None:
    """Add interests from a JSON file: {"Music": ["Singing", "DJ sets"], "Sports": ["Yoga"]}.

    What is there already is left as it is, so the same file can be imported again. Nothing is removed.
    """
    try:
        sections = msgspec.json.decode(_text_of(file), type=dict[str, list[str]])
    except msgspec.DecodeError as error:
        raise InvalidContent(f'The file is not as {{"Music": ["Singing"]}}: {error}.') from None
    wanted = {
        checked_title(section): [checked_title(title) for title in titles] for section, titles in sections.items()
    }

    async def add(database: Database, settings: Settings) -> None:
        async with database.transaction(deadline_s=60) as connection:
            added = await _add_all(connection, wanted)
        out.print(f"{len(added)} interest{'' if len(added) == 1 else 's'} added.")

    with_database(add)


async def _add_all(connection: Connection, sections: dict[str, list[str]]) -> list[int]:
    added = []
    for section, titles in sections.items():
        for title in titles:
            interest_id = await store.add_interest(connection, section, title)
            if interest_id is not None:
                added.append(interest_id)
                await _record(connection, Act.INTEREST_ADDED, f"interest:{interest_id}", section=section, title=title)
    return added


# ── licence ──


def show_licence() -> None:
    """Print the licence text."""

    async def print_licence(database: Database, settings: Settings) -> None:
        typer.echo(await store.licence(database))

    with_database(print_licence)


def import_licence(
    file: Annotated[str, typer.Argument(help="File with the text, or - for standard input.")],
) -> None:
    """Replace the licence text."""
    text = checked_licence(_text_of(file))

    async def replace(database: Database, settings: Settings) -> None:
        async with database.transaction() as connection:
            await store.set_licence(connection, text)
            await _record(connection, Act.LICENCE_CHANGED, "licence", begins=text[:LONGEST_SHOWN])
        out.print(f"The licence text is replaced: {len(text)} characters.")

    with_database(replace)


def _text_of(file: str) -> str:
    """Raises InvalidContent."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidContent(f"{file} cannot be read: {error}.") from None


async def _record(connection: Connection, act: Act, subject: str, **detail: str | int) -> None:
    await record(connection, actor(), act, Subject(subject), **detail)


SLIDERS: Commands = {"list": list_sliders, "add": add_slider, "edit": edit_slider, "remove": remove_slider}
INTERESTS: Commands = {
    "list": list_interests,
    "add": add_interests,
    "edit": edit_interest,
    "remove": remove_interest,
    "remove-section": remove_section,
    "import": import_interests,
}
LICENCE: Commands = {"show": show_licence, "import": import_licence}
