"""`stagedoor catalogue`: what the commands change, what they refuse, and what the audit log says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from control_plane.db.pool import Database
from control_plane.gifts.editing import GiftNotFound, InvalidGift
from control_plane.gifts.store import seed_catalogue
from control_plane.pictures.model import PictureRefused
from tests.control_plane.pictures.samples import quarters, saved
from tests.control_plane.pictures.test_artwork import SVG
from tests.stagedoor.cli.operator import Operator
from tests.stagedoor.cli.test_content import acts
from tests.stagedoor.cli.typed import typed


@pytest.fixture(autouse=True)
async def _catalogue(database: Database) -> None:
    async with database.transaction() as connection:
        await seed_catalogue(connection)


async def test_gifts_are_added_edited_retired_and_offered_again(
    operator: Operator, database: Database, tmp_path: Path
) -> None:
    svg, png = tmp_path / "moon.svg", tmp_path / "moon.png"
    svg.write_text(SVG.format("<circle r='4'/>"))
    png.write_bytes(saved(quarters(), "PNG"))
    gift = (await operator.types("catalogue", "gifts", "add", "Moon", "7", str(svg), "--category", "luxury")).strip()
    listed = json.loads(await operator.types("catalogue", "gifts", "list", "--json"))
    moon = listed[-1]
    assert (moon["id"], moon["title"], moon["coins"], moon["category"]) == (int(gift), "Moon", 7, "luxury")
    assert (tmp_path / "media" / moon["picture"]).read_text() == svg.read_text()
    await operator.types("catalogue", "gifts", "edit", gift, "--title", "Full moon", "--picture", str(png))
    await operator.types("catalogue", "gifts", "edit", gift, "--coins", "9", "--featured", "--position", "-1")
    shown = await operator.types("catalogue", "gifts", "show", gift)
    assert ["the", "beginning", "Moon", moon["picture"]] in [line.split() for line in shown.splitlines()]
    assert "Full moon" in shown
    await operator.types("catalogue", "gifts", "retire", gift)
    assert "Full moon" not in await operator.types("catalogue", "gifts", "list")
    assert "retired" in (await operator.types("catalogue", "gifts", "list", "--all")).splitlines()[-1]
    await operator.types("catalogue", "gifts", "offer", gift)
    assert "Full moon" in await operator.types("catalogue", "gifts", "list")
    new = json.loads(await operator.types("catalogue", "gifts", "list", "--json"))[0]
    subject = f"gift:{gift}"
    assert await acts(database) == [
        (
            "gift.added",
            subject,
            {
                "title": "Moon",
                "coins": 7,
                "category": "luxury",
                "featured": False,
                "time_s": 3,
                "picture": moon["picture"],
            },
        ),
        ("gift.edited", subject, {"title": "Full moon", "picture": new["picture"]}),
        ("gift.edited", subject, {"coins": 9, "featured": True, "position": -1}),
        ("gift.retired", subject, {}),
        ("gift.offered", subject, {}),
    ]


async def test_what_is_no_gift_changes_nothing(operator: Operator, database: Database, tmp_path: Path) -> None:
    bad, good = tmp_path / "bad.svg", tmp_path / "good.svg"
    bad.write_text(SVG.format("<script/>"))
    good.write_text(SVG.format(""))
    with pytest.raises(PictureRefused):
        await operator.types("catalogue", "gifts", "add", "Moon", "7", str(bad))
    for title, coins in (("a=====b", "7"), ("Moon", "0")):
        with pytest.raises(InvalidGift):
            await operator.types("catalogue", "gifts", "add", title, coins, str(good))
    for command in (("edit", "999", "--coins", "3"), ("retire", "999"), ("offer", "999"), ("show", "999")):
        with pytest.raises(GiftNotFound):
            await operator.types("catalogue", "gifts", *command)
    assert "Give what to change" in (await typed("catalogue", "gifts", "edit", "1")).output
    assert await acts(database) == []
    assert await database.fetchval("select count(*) from stored_file where state = 'kept'") == 0
