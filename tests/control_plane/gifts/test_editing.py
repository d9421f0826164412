"""Operators edit the catalogue: what a start brings and what it leaves, and what was sent before."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from control_plane.base.ids import GiftId
from control_plane.db.migrate import migrations
from control_plane.db.pool import Database
from control_plane.gifts.assortment import Assortment
from control_plane.gifts.catalogue import CATALOGUE, FIRST_OWN_ID
from control_plane.gifts.editing import LARGEST_PRICE, LONGEST_TITLE, Editing, GiftNotFound, InvalidGift
from control_plane.gifts.sending import LARGEST_COUNT
from control_plane.gifts.store import exported_received, exported_sent, of_transfers, offered, seed_catalogue
from control_plane.ledger.account import LARGEST_AMOUNT
from control_plane.pictures.pictures import Pictures
from control_plane.storage.files import Files
from control_plane.storage.places import open_storage
from tests.control_plane.gifts.stage import HEART, ROSE, Stage, order
from tests.control_plane.pictures.test_artwork import SVG

NEXT_RELEASE = [replace(gift, title=f"New {gift.title}", picture="new.svg", coins=gift.coins + 1) for gift in CATALOGUE]


@pytest.fixture
def files(database: Database, tmp_path: Path) -> Files:
    return Files(open_storage("", tmp_path / "media"), database)


@pytest.fixture
def editing(files: Files) -> Editing:
    return Editing(files, Pictures())


async def edit(stage: Stage, editing: Editing, gift_id: GiftId, **values: Any) -> None:
    async with stage.database.transaction() as connection:
        await editing.edit(connection, gift_id, values)


async def start(stage: Stage, release: Any = CATALOGUE) -> dict[GiftId, Any]:
    """The gifts on offer after a start of this release."""
    async with stage.database.transaction() as connection:
        await seed_catalogue(connection, release)
    return {gift.id: gift for gift in await offered(stage.database)}


async def picture_of(editing: Editing, tmp_path: Path, inside: str) -> str:
    file = tmp_path / "picture"
    file.write_text(SVG.format(inside))
    return await editing.picture(file)


async def test_a_start_brings_what_the_operator_did_not_set(stage: Stage, editing: Editing) -> None:
    await edit(stage, editing, ROSE, title="Red rose")
    await edit(stage, editing, ROSE, coins=7)
    async with stage.database.transaction() as connection:
        await editing.set_active(connection, HEART, active=False)
    for release, named in ((CATALOGUE, ""), (NEXT_RELEASE, "New ")):
        gifts = await start(stage, release)
        rose, coffee = gifts[ROSE], gifts[GiftId(3)]
        assert (rose.title, rose.coins) == ("Red rose", 7)
        assert coffee.title == f"{named}Coffee"
        assert HEART not in gifts
    assert (rose.picture, coffee.coins) == ("new.svg", 11)
    async with stage.database.transaction() as connection:
        await editing.set_active(connection, HEART, active=True)
    assert [gift.id for gift in await offered(stage.database)] == [gift.id for gift in CATALOGUE]


async def test_an_added_gift_is_on_offer_and_no_release_takes_its_id(
    stage: Stage, editing: Editing, tmp_path: Path
) -> None:
    picture = await picture_of(editing, tmp_path, "<rect/>")
    async with stage.database.transaction() as connection:
        values = {"title": " Blue   moon ", "coins": 5, "picture": picture, "category": "luxury", "time_s": 4}
        gift_id = await editing.add(connection, {**values, "featured": True})
    assert gift_id >= FIRST_OWN_ID > max(gift.id for gift in CATALOGUE)
    gifts = await start(stage)
    moon = gifts[gift_id]
    assert (moon.title, moon.coins, moon.picture, moon.category, moon.featured) == (
        "Blue moon",
        5,
        picture,
        "luxury",
        True,
    )
    assert [*gifts][-1] == gift_id, "the last place"
    ann, ben = await stage.user(10), await stage.user()
    assert (await stage.gifts.send(order(ann, ben, gift_id), None)).sent.title == "Blue moon"


async def test_what_was_sent_keeps_title_price_and_picture(
    stage: Stage, editing: Editing, files: Files, tmp_path: Path
) -> None:
    first, second = await picture_of(editing, tmp_path, "<rect/>"), await picture_of(editing, tmp_path, "<circle/>")
    await edit(stage, editing, ROSE, title="Rosebud", picture=first)
    ann, ben = await stage.user(50), await stage.user()
    sent = (await stage.gifts.send(order(ann, ben, ROSE, 2), "ref")).sent
    transfer_id = await stage.database.fetchval("select transfer_id from gift_sent where id = $1", sent.id)
    await edit(stage, editing, ROSE, title="Tulip", coins=9, picture=second)
    later = (await stage.gifts.send(order(ann, ben, ROSE), None)).sent
    assert (later.title, later.coins, later.picture) == ("Tulip", 9, second)

    repeated = (await stage.gifts.send(order(ann, ben, ROSE, 2), "ref")).sent
    for read in (repeated, (await of_transfers(stage.database, [transfer_id]))[transfer_id]):
        assert (read.title, read.coins, read.picture) == ("Rosebud", 2, first)
    for export, user_id in ((exported_sent, ann), (exported_received, ben)):
        assert [row["title"] for row in await export(stage.database, user_id, 2**31 - 1, 9)] == ["Tulip", "Rosebud"]
    kept = await stage.database.fetch("select name from stored_file where state = 'kept'")
    assert {row["name"] for row in kept} == {first, second}, "the old picture is still shown"
    assert await files.storage.size(first)  # type: ignore[arg-type]
    await stage.audit()


async def test_a_gift_may_cost_and_be_called(stage: Stage, editing: Editing) -> None:
    wrong: list[dict[str, Any]] = [
        *({"title": title} for title in ("", "  ", "a=====b", "x" * (LONGEST_TITLE + 1), "a\x1bb")),
        *({"coins": coins} for coins in (0, -1, LARGEST_PRICE + 1)),
        *({"time_s": time_s} for time_s in (-1, 61)),
    ]
    before = await offered(stage.database)
    for values in wrong:
        with pytest.raises(InvalidGift):
            await edit(stage, editing, ROSE, **values)
    with pytest.raises(GiftNotFound):
        await edit(stage, editing, GiftId(999), title="Nothing")
    assert await offered(stage.database) == before
    assert LARGEST_PRICE * LARGEST_COUNT <= LARGEST_AMOUNT
    await edit(stage, editing, ROSE, title="a====b", coins=LARGEST_PRICE)


async def test_the_database_refuses_what_an_app_cannot_show(stage: Stage) -> None:
    for change in ("title = 'a=====b'", "title = ''", "coins = 0"):
        with pytest.raises(Exception, match="violates check constraint"):
            await stage.database.execute(f"update gift set {change} where id = 1")


async def test_other_processes_follow_within_the_life_of_their_cache(stage: Stage, editing: Editing) -> None:
    now = 0.0
    assortment = Assortment(stage.database, clock=lambda: now)
    assert (await assortment.gifts())[ROSE].title == "Rose"
    await edit(stage, editing, ROSE, title="Tulip")
    now = 5.0
    assert (await assortment.gifts())[ROSE].title == "Tulip"


async def test_edits_at_once_keep_each_other(stage: Stage, editing: Editing) -> None:
    await asyncio.gather(
        edit(stage, editing, ROSE, title="Tulip"),
        edit(stage, editing, ROSE, coins=3),
        edit(stage, editing, ROSE, featured=False),
    )
    rose = (await start(stage))[ROSE]
    assert (rose.title, rose.coins, rose.featured) == ("Tulip", 3, False)


async def test_what_operators_changed_before_is_theirs(database: Database) -> None:
    """The migration compares with what the releases before it shipped."""
    (migration,) = [one.sql for one in migrations() if one.version == 30]
    statement = migration[migration.index("update gift set own") :].partition(";")[0]
    async with database.transaction() as connection:
        await seed_catalogue(connection)
    await database.execute("update gift set title = 'Tulip', position = 40 where id = 1")
    await database.execute(statement)
    owned = {row["id"]: row["own"] for row in await database.fetch("select id, own from gift where own <> '{}'")}
    assert owned == {1: ["title", "position"]}
