"""`stagedoor catalogue gifts`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from control_plane.base.ids import LARGEST_ID, GiftId
from control_plane.config.settings import Settings
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.gifts import editing_store
from control_plane.gifts.catalogue import GiftCategory
from control_plane.gifts.editing import LARGEST_PRICE, LONGEST_TIME_S, Editing, GiftNotFound
from control_plane.operations.audit import Act, Subject, record
from control_plane.pictures.pictures import Pictures
from control_plane.storage.files import Files
from stagedoor.cli.at_work import actor
from stagedoor.cli.database import with_database
from stagedoor.cli.terminal import Commands, columns, out

# Commands import storage themselves, because the import takes longer than most other commands.

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
GiftArgument = Annotated[int, typer.Argument(metavar="GIFT", min=1, max=LARGEST_ID, help="Id of the gift.")]
ABOUT_TITLE = "Such as Rose. Gifts that were sent keep the title of then."
ABOUT_COINS = f"Price in coins, 1 to {LARGEST_PRICE:,}."
ABOUT_PICTURE = "File with the picture: SVG, PNG or WebP, square, at most 1 MB."
ABOUT_CATEGORY = "Where apps show it."
ABOUT_POSITION = "Place in the order: small numbers come first."
ABOUT_FEATURED = "Whether apps show it in front."
ABOUT_TIME = f"Seconds of its animation, 0 to {LONGEST_TIME_S}."


def list_gifts(
    all_: Annotated[bool, typer.Option("--all", help="Retired gifts too.")] = False, as_json: AsJson = False
) -> None:
    """List the gifts on offer, in their order."""

    async def print_gifts(database: Database, settings: Settings) -> None:
        gifts = [dict(gift) for gift in await editing_store.all_gifts(database) if all_ or gift["active"]]
        if as_json:
            typer.echo(msgspec.json.encode(gifts))
            return
        table = columns("id", "title", "coins", "category", "featured", "seconds", "position", "picture", "state")
        for gift in gifts:
            table.add_row(
                *(str(gift[name]) for name in ("id", "title", "coins", "category")),
                "yes" if gift["featured"] else "",
                *(str(gift[name]) for name in ("time_s", "position", "picture")),
                "" if gift["active"] else "retired",
            )
        out.print(table if gifts else "There are no gifts.", highlight=False, markup=False)

    with_database(print_gifts)


def show(gift_id: GiftArgument) -> None:
    """Show a gift, with the titles and pictures that it had."""

    async def print_gift(database: Database, settings: Settings) -> None:
        gift = await editing_store.gift(database, GiftId(gift_id))
        if gift is None:
            raise GiftNotFound(GiftId(gift_id))
        for name, value in gift.items():
            out.print(f"{name:<10}{value}", highlight=False, markup=False)
        table = columns("since", "title", "picture")
        for terms in await editing_store.terms(database, GiftId(gift_id)):
            since = "the beginning" if terms["since"] is None else f"{terms['since']:%Y-%m-%d %H:%M}"
            table.add_row(since, terms["title"], terms["picture"])
        out.print(table, highlight=False, markup=False)

    with_database(print_gift)


def add(
    title: Annotated[str, typer.Argument(help=ABOUT_TITLE)],
    coins: Annotated[int, typer.Argument(help=ABOUT_COINS)],
    picture: Annotated[Path, typer.Argument(help=ABOUT_PICTURE)],
    category: Annotated[GiftCategory, typer.Option(help=ABOUT_CATEGORY)] = GiftCategory.NORMAL,
    position: Annotated[int | None, typer.Option(min=-LARGEST_ID, max=LARGEST_ID, help=ABOUT_POSITION)] = None,
    featured: Annotated[bool, typer.Option(help=ABOUT_FEATURED)] = False,
    time_s: Annotated[int, typer.Option("--time", help=ABOUT_TIME)] = 3,
) -> None:
    """Offer another gift, and print its id. Servers offer it within seconds."""
    values: dict[str, Any] = {
        "title": title,
        "coins": coins,
        "category": category.value,
        "featured": featured,
        "time_s": time_s,
    }

    async def work(editing: Editing, database: Database) -> None:
        stored = await editing.picture(picture)
        async with database.transaction() as connection:
            gift_id = await editing.add(connection, {**values, "position": position, "picture": stored})
            await _record(connection, Act.GIFT_ADDED, gift_id, **values, picture=stored)
        typer.echo(gift_id)

    _with_editing(work)


def edit(
    gift_id: GiftArgument,
    title: Annotated[str | None, typer.Option(help=ABOUT_TITLE)] = None,
    coins: Annotated[int | None, typer.Option(help=ABOUT_COINS)] = None,
    picture: Annotated[Path | None, typer.Option(help=ABOUT_PICTURE)] = None,
    category: Annotated[GiftCategory | None, typer.Option(help=ABOUT_CATEGORY)] = None,
    position: Annotated[int | None, typer.Option(min=-LARGEST_ID, max=LARGEST_ID, help=ABOUT_POSITION)] = None,
    featured: Annotated[bool | None, typer.Option("--featured/--not-featured", help=ABOUT_FEATURED)] = None,
    time_s: Annotated[int | None, typer.Option("--time", help=ABOUT_TIME)] = None,
) -> None:
    """Change a gift. What you set stays so when the server is upgraded. Gifts that were sent do not change."""
    given = {
        "title": title,
        "coins": coins,
        "category": None if category is None else category.value,
        "featured": featured,
        "time_s": time_s,
        "position": position,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if not changes and picture is None:
        raise typer.BadParameter("Give what to change, such as --title or --coins.")

    async def work(editing: Editing, database: Database) -> None:
        stored = {} if picture is None else {"picture": await editing.picture(picture)}
        async with database.transaction() as connection:
            await editing.edit(connection, GiftId(gift_id), {**changes, **stored})
            await _record(connection, Act.GIFT_EDITED, GiftId(gift_id), **changes, **stored)
        out.print(f"Gift {gift_id} is changed.")

    _with_editing(work)


def retire(gift_id: GiftArgument) -> None:
    """Offer a gift no longer. It stays in the history of those who sent it; `offer` brings it back."""
    _set_active(gift_id, Act.GIFT_RETIRED, "is no longer on offer", active=False)


def offer(gift_id: GiftArgument) -> None:
    """Offer a retired gift again."""
    _set_active(gift_id, Act.GIFT_OFFERED, "is on offer", active=True)


def _set_active(gift_id: int, act: Act, outcome: str, *, active: bool) -> None:
    async def work(editing: Editing, database: Database) -> None:
        async with database.transaction() as connection:
            await editing.set_active(connection, GiftId(gift_id), active=active)
            await _record(connection, act, GiftId(gift_id))
        out.print(f"Gift {gift_id} {outcome}.")

    _with_editing(work)


def _with_editing(work: Callable[[Editing, Database], Awaitable[None]]) -> None:
    from stagedoor.parts.storage import storage

    async def run(database: Database, settings: Settings) -> None:
        await work(Editing(Files(storage(settings), database), Pictures()), database)

    with_database(run)


async def _record(connection: Connection, act: Act, gift_id: GiftId, **detail: str | int) -> None:
    await record(connection, actor(), act, Subject(f"gift:{gift_id}"), **detail)


COMMANDS: Commands = {"list": list_gifts, "show": show, "add": add, "edit": edit, "retire": retire, "offer": offer}
