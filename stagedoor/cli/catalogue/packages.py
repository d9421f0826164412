"""`stagedoor catalogue packages`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import typer

from control_plane.base.ids import LARGEST_ID
from control_plane.config.settings import Settings
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row
from control_plane.operations.audit import Act, Subject, record
from control_plane.payments import packages_editing as editing
from control_plane.payments import packages_editing_store as store
from control_plane.payments.packages import CURRENCY
from control_plane.payments.packages_editing import LARGEST_COINS, SellingStore
from stagedoor.cli.at_work import actor
from stagedoor.cli.catalogue.gifts import AsJson
from stagedoor.cli.database import with_database
from stagedoor.cli.terminal import Commands, columns, err, out

PackageArgument = Annotated[int, typer.Argument(metavar="PACKAGE", min=1, max=LARGEST_ID, help="Id of the package.")]
ABOUT_TITLE = "Such as '100 coins'."
ABOUT_COINS = (
    f"Coins that a buyer gets, 1 to {LARGEST_COINS:,}. Purchases keep the number of the time when they were made."
)
ABOUT_PRICE = "Such as 4.99."
ABOUT_CURRENCY = "Code of the currency of the price."


def list_packages(
    all_: Annotated[bool, typer.Option("--all", help="Retired packages too.")] = False, as_json: AsJson = False
) -> None:
    """List the coin packages on sale, the smallest first, with their products in stores."""

    async def print_packages(database: Database, settings: Settings) -> None:
        packages = [package for package in await store.all_packages(database) if all_ or package["active"]]
        products = await _products(database)
        if as_json:
            listed = [
                {**package, "products": [dict(product) for product in products[package["id"]]]} for package in packages
            ]
            typer.echo(msgspec.json.encode(listed))
            return
        table = columns("id", "title", "coins", "price", "product", "in stores", "state")
        for package in packages:
            table.add_row(
                str(package["id"]),
                package["title"],
                str(package["coins"]),
                _price(package["price_minor"], package["currency"]),
                package["product_id"],
                ", ".join(map(_described, products[package["id"]])),
                "" if package["active"] else "retired",
            )
        out.print(table if packages else "There are no coin packages.", highlight=False, markup=False)
        await _warn(database, settings)

    with_database(print_packages)


def add(
    title: Annotated[str, typer.Argument(help=ABOUT_TITLE)],
    coins: Annotated[int, typer.Argument(help=ABOUT_COINS)],
    price: Annotated[str, typer.Argument(help=ABOUT_PRICE)],
    currency: Annotated[str, typer.Option(help=ABOUT_CURRENCY)] = CURRENCY,
    product_id: Annotated[
        str, typer.Option(help="Its id in stores, unless one has an id of its own (default: coins_<coins>).")
    ] = "",
) -> None:
    """Sell another package, and print its id. Servers offer it within seconds."""
    values = {
        "title": title,
        "coins": coins,
        "price_minor": editing.price_minor(price),
        "currency": currency,
        "product_id": product_id or f"coins_{coins}",
    }

    async def work(database: Database, settings: Settings) -> None:
        async with database.transaction() as connection:
            package_id = await editing.add(connection, values)
            await _record(connection, Act.PACKAGE_ADDED, package_id, **values)
        typer.echo(package_id)
        await _warn(database, settings)

    with_database(work)


def edit(
    package_id: PackageArgument,
    title: Annotated[str | None, typer.Option(help=ABOUT_TITLE)] = None,
    coins: Annotated[int | None, typer.Option(help=ABOUT_COINS)] = None,
    price: Annotated[str | None, typer.Option(help=ABOUT_PRICE)] = None,
    currency: Annotated[str | None, typer.Option(help=ABOUT_CURRENCY)] = None,
) -> None:
    """Change a package. What you set stays so when the server is upgraded. What was bought before keeps its terms."""
    given = {
        "title": title,
        "coins": coins,
        "price_minor": None if price is None else editing.price_minor(price),
        "currency": currency,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if not changes:
        raise typer.BadParameter("Give what to change, such as --title or --price.")

    async def work(database: Database, settings: Settings) -> None:
        async with database.transaction() as connection:
            await editing.edit(connection, package_id, changes)
            await _record(connection, Act.PACKAGE_EDITED, package_id, **changes)
        out.print(f"Package {package_id} is changed.")
        await _warn(database, settings)

    with_database(work)


def retire(package_id: PackageArgument) -> None:
    """Sell a package no longer. What was paid for before is still credited; `offer` brings the package back."""
    _set_active(package_id, Act.PACKAGE_RETIRED, "is no longer on sale", active=False)


def offer(package_id: PackageArgument) -> None:
    """Sell a retired package again."""
    _set_active(package_id, Act.PACKAGE_OFFERED, "is on sale", active=True)


def product(
    package_id: PackageArgument,
    of: Annotated[SellingStore, typer.Argument(metavar="STORE", help="apple, google, stripe or sandbox.")],
    product_id: Annotated[str, typer.Argument(help="The package's id in this store.")],
    price: Annotated[str | None, typer.Option(help="Its price in this store (default: the package's).")] = None,
    currency: Annotated[
        str | None, typer.Option(help=f"Code of the currency of --price (default: {CURRENCY}).", show_default=False)
    ] = None,
) -> None:
    """Give a package an id or a price of its own in a store. A product id stays with its package: earlier purchases by it
    are still recognised."""
    if price is None and currency is not None:
        raise typer.BadParameter("--currency is the currency of --price: give both, or none.")
    minor = None if price is None else editing.price_minor(price)
    in_currency = None if minor is None else currency or CURRENCY

    async def work(database: Database, settings: Settings) -> None:
        async with database.transaction() as connection:
            await editing.set_product(connection, package_id, of, product_id, minor, in_currency)
            terms = {} if minor is None else {"price_minor": minor, "currency": in_currency}
            detail = {"store": of.value, "product_id": product_id, **terms}
            await _record(connection, Act.PRODUCT_SET, package_id, **detail)
        out.print(f"Package {package_id} is {product_id} in the store {of.value}.", highlight=False, markup=False)
        await _warn(database, settings)

    with_database(work)


def _set_active(package_id: int, act: Act, outcome: str, *, active: bool) -> None:
    async def work(database: Database, settings: Settings) -> None:
        async with database.transaction() as connection:
            await editing.set_active(connection, package_id, active=active)
            await _record(connection, act, package_id)
        out.print(f"Package {package_id} {outcome}.")
        await _warn(database, settings)

    with_database(work)


async def _warn(database: Database, settings: Settings) -> None:
    """Print which packages on sale are cheaper than the cash that their coins bring, and which prices are in another
    currency than the cash, so that they cannot be compared."""
    products = await _products(database)
    others: set[str] = set()
    for package in await store.all_packages(database):
        if not package["active"]:
            continue
        priced = [product for product in products[package["id"]] if product["price_minor"] is not None]
        for terms in (package, *priced):
            if terms["currency"] != CURRENCY:
                others.add(terms["currency"])
            elif editing.makes_profit(
                package["coins"], terms["price_minor"], Decimal(settings.cash_per_coin), settings.gift_commission_bps
            ):
                err.print(
                    f"Package {package['id']} costs {_price(terms['price_minor'], terms['currency'])}, and its coins can be "
                    f"cashed out for more (LIVE_CASH_PER_COIN is {settings.cash_per_coin}): buying and cashing out makes a "
                    "profit.",
                    style="yellow",
                    highlight=False,
                    markup=False,
                    soft_wrap=True,
                )
    if others:
        err.print(
            f"Prices in {', '.join(sorted(others))} are not compared with the cash for their coins, which is in "
            f"{CURRENCY} (LIVE_CASH_PER_COIN).",
            highlight=False,
            soft_wrap=True,
        )


async def _products(database: Database) -> Mapping[int, Sequence[Row]]:
    """By package."""
    found: defaultdict[int, list[Row]] = defaultdict(list)
    for row in await store.products(database):
        found[row["package_id"]].append(row)
    return found


def _described(product: Row) -> str:
    price = "" if product["price_minor"] is None else f" at {_price(product['price_minor'], product['currency'])}"
    return f"{product['store']}: {product['product_id']}{price}"


def _price(minor: int, currency: str) -> str:
    return f"{Decimal(minor).scaleb(-2)} {currency}"


async def _record(connection: Connection, act: Act, package_id: int, **detail: Any) -> None:
    await record(connection, actor(), act, Subject(f"package:{package_id}"), **detail)


COMMANDS: Commands = {
    "list": list_packages,
    "add": add,
    "edit": edit,
    "retire": retire,
    "offer": offer,
    "product": product,
}
