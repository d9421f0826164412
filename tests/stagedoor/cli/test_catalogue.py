"""`stagedoor catalogue`: what the commands change, what they refuse, and what the audit log says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from control_plane.db.pool import Database
from control_plane.gifts.editing import GiftNotFound, InvalidGift
from control_plane.gifts.store import seed_catalogue
from control_plane.payments.packages_editing import PackageNotFound
from control_plane.payments.packages_store import seed_packages
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
        await seed_packages(connection)


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


async def test_packages_are_added_edited_retired_and_get_products(operator: Operator, database: Database) -> None:
    async def types(*arguments: str) -> str:
        return await operator.types("catalogue", "packages", *arguments)

    package = (await types("add", "A bag", "700", "6.50", "--currency", "EUR")).split()[0]
    await types("edit", package, "--title", "A large bag", "--price", "7")
    await types("product", package, "apple", "com.example.bag", "--price", "7.99", "--currency", "EUR")
    await types("product", package, "google", "bag")
    (line,) = [line for line in (await types("list")).splitlines() if line.startswith(package)]
    words = " ".join(line.split())
    assert words == (f"{package} A large bag 700 7.00 EUR coins_700 apple: com.example.bag at 7.99 EUR, google: bag")
    await types("retire", package)
    assert "large bag" not in await types("list")
    assert "retired" in (await types("list", "--all")).splitlines()[-1]
    await types("offer", package)
    listed = json.loads(await types("list", "--json"))
    assert next(one["products"] for one in listed if one["id"] == int(package))[1]["product_id"] == "bag"
    subject = f"package:{package}"
    new = {"title": "A bag", "coins": 700, "price_minor": 650, "currency": "EUR", "product_id": "coins_700"}
    assert await acts(database) == [
        ("package.added", subject, new),
        ("package.edited", subject, {"title": "A large bag", "price_minor": 700}),
        (
            "package.product_set",
            subject,
            {"store": "apple", "product_id": "com.example.bag", "price_minor": 799, "currency": "EUR"},
        ),
        ("package.product_set", subject, {"store": "google", "product_id": "bag"}),
        ("package.retired", subject, {}),
        ("package.offered", subject, {}),
    ]
    for command in (("edit", "99", "--coins", "5"), ("retire", "99"), ("product", "99", "apple", "gold")):
        with pytest.raises(PackageNotFound):
            await types(*command)
    assert "Give what to change" in await types("edit", "1")
    assert len(await acts(database)) == 6


async def test_a_package_that_makes_a_profit_is_told(operator: Operator) -> None:
    async def types(*arguments: str) -> str:
        return await operator.types("catalogue", "packages", *arguments)

    profit = "buying and cashing out makes a profit"
    assert profit not in await types("list")
    assert profit in await types("add", "Too cheap", "2000", "9.98")  # a coin is worth 0.005
    assert profit in await types("list")
    package = json.loads(await types("list", "--json"))[3]["id"]
    assert profit not in await types("edit", str(package), "--price", "10")
    assert profit in await types("product", str(package), "stripe", "cheap", "--price", "9")
    assert profit not in await types("retire", str(package))


async def test_a_price_in_another_currency_than_the_cash_is_not_compared(operator: Operator) -> None:
    async def types(*arguments: str) -> str:
        return await operator.types("catalogue", "packages", *arguments)

    assert "are not compared" not in await types("list")
    told = await types("add", "In euros", "2000", "9.98", "--currency", "EUR")
    assert "profit" not in told
    assert "Prices in EUR are not compared with the cash for their coins, which is in USD" in told


async def test_the_currency_of_a_product_needs_a_price(operator: Operator, database: Database) -> None:
    told = await operator.types("catalogue", "packages", "product", "1", "apple", "bag", "--currency", "EUR")
    assert "--currency is the currency of --price" in " ".join(told.split())
    assert await acts(database) == []
