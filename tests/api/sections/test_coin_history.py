"""showCoinHistory: what the caller reads of each movement, and who may read it."""

from __future__ import annotations

from typing import Any

import pytest

from api.contract.client import Client
from api.sections.coin_history import PAGE_SIZE
from control_plane.base.ids import UserId
from control_plane.gifts.store import seed_catalogue
from control_plane.ledger import amounts
from control_plane.ledger.adjustments import adjust
from control_plane.ledger.transfers import Operation
from control_plane.ledger.wallets import wallet
from control_plane.payments.packages_store import offered, seed_packages
from tests.api.sections.apps import APPS, Apps
from tests.control_plane.ledger.books import transfers_of
from tests.control_plane.ledger.test_history import move
from tests.control_plane.payouts.till import Till
from tests.control_plane.social.relations import ban, block, delete


@pytest.fixture(autouse=True)
async def _catalogue(apps: Apps) -> None:
    async with apps.database.transaction() as connection:
        await seed_catalogue(connection)
        await seed_packages(connection)


async def name_of(apps: Apps, user_id: UserId) -> str:
    name: str = await apps.database.fetchval("select username from app_user where id = $1", user_id)
    return name


def told(history: Any) -> list[tuple[Any, ...]]:
    return [(one["text"], one["kind"], one["coin"], one["wallet"], one["debt"]) for one in history["movements"]]


@pytest.mark.parametrize("app", APPS)
async def test_each_movement_says_what_it_was(apps: Apps, ann: UserId, ben: UserId, token: str, app: Client) -> None:
    bens = await apps.token(ben)
    sandbox = apps.platform.payments.sandbox
    assert sandbox is not None
    product = (await offered(apps.database, sandbox.name))[0]
    await apps.done("purchaseCoin", token, app, transaction_id=sandbox.receipts.sell(product))
    await apps.done("sendGift", token, app, receiver_id=ben, gift_id=1, gift_count=30)
    await apps.done("sendGift", bens, app, receiver_id=ann, gift_id=2, gift_count=1)
    await move(apps.database, ann, Operation.REFUND, amounts.refund(await wallet(apps.database, ann), ann, 100))
    await apps.database.execute(
        "insert into purchase_change (transfer_id, purchase_id, coins)"
        " select (select max(id) from ledger_transfer), id, 100 from purchase"
    )
    await move(apps.database, ann, Operation.PURCHASE, amounts.purchase(await wallet(apps.database, ann), ann, 40))
    await adjust(apps.database, ben, 7, "a word of thanks")
    to_ben, from_ann = await name_of(apps, ben), await name_of(apps, ann)

    history = await apps.done("showCoinHistory", token, app, user_id=str(ann))
    assert history["more"] == 0
    assert told(history)[:2] == [("Debt paid", "debt", 25, 15, 0), ("Purchase", "bought", 15, 15, 25)]
    assert sorted(told(history)[2:5]) == [
        ("Debt of a refund: 100 coins", "debt", -25, 0, 25),
        ("Refund: 100 coins", "bought", -70, 5, 0),
        ("Refund: 100 coins", "earned", -5, 0, 0),
    ]
    assert told(history)[5:] == [
        (f"Heart from {to_ben}", "earned", 5, 75, 0),
        (f"30 × Rose to {to_ben}", "bought", -30, 70, 0),
        ("Purchase: 100 coins", "bought", 100, 100, 0),
    ]
    assert [one["User"]["id"] for one in history["movements"] if "User" in one] == [ben, ben]

    assert told(await apps.done("showCoinHistory", bens, app)) == [
        ("Given by the operators", "bought", 7, 32, 0),
        (f"Heart to {from_ann}", "earned", -5, 25, 0),
        (f"30 × Rose from {from_ann}", "earned", 30, 30, 0),
    ]


async def test_a_payout_says_how_it_stands(apps: Apps) -> None:
    till = Till(apps.database)
    host = await till.host(500)
    token = await apps.token(host)

    async def texts() -> list[str]:
        return [one["text"] for one in (await apps.done("showCoinHistory", token))["movements"]][:-1]

    first = await till.withdrawing.request(host, 200)
    assert await texts() == ["Payout: 1.00 USD, requested"]
    await till.desk().approve(first.id)
    await till.desk().pay(first.id, "bank 1")
    assert await texts() == ["Payout: 1.00 USD, paid"]
    second = await till.withdrawing.request(host, 300)
    await till.desk().reject(second.id, "The address is not yours.")
    assert await texts() == [
        "Payout returned: 1.50 USD, rejected",
        "Payout: 1.50 USD, rejected",
        "Payout: 1.00 USD, paid",
    ]
    movements = (await apps.done("showCoinHistory", token))["movements"]
    assert [(one["coin"], one["wallet"]) for one in movements] == [(300, 300), (-300, 0), (-200, 300), (500, 500)]


@pytest.mark.parametrize("hidden", ["blocks", "blocked", "banned", "deleted"])
async def test_users_whom_the_caller_cannot_see_are_not_named(
    apps: Apps, ann: UserId, ben: UserId, token: str, hidden: str
) -> None:
    await adjust(apps.database, ann, 10, "start")
    await apps.done("sendGift", token, receiver_id=ben, gift_id=1, gift_count=1)
    await apps.done("sendGift", await apps.token(ben), receiver_id=ann, gift_id=1, gift_count=1)
    match hidden:
        case "blocks":
            await block(apps.database, ben, ann)
        case "blocked":
            await block(apps.database, ann, ben)
        case "banned":
            await ban(apps.database, ben)
        case _:
            await delete(apps.database, ben)
    history = await apps.done("showCoinHistory", token)
    assert [one["text"] for one in history["movements"][:2]] == ["Rose from a user", "Rose to a user"]
    assert not any("User" in one for one in history["movements"])


async def test_pages_follow_each_other_in_a_fixed_number_of_queries(
    apps: Apps, ann: UserId, ben: UserId, token: str
) -> None:
    await apps.done("showCoinHistory", token)
    empty = await apps.queries("showCoinHistory", token)
    for number in range(2 * PAGE_SIZE + 5):
        await adjust(apps.database, ann, 1, str(number))
    for _ in range(3):
        await apps.done("sendGift", token, receiver_id=ben, gift_id=1, gift_count=1)
    ids: list[int] = []
    more = 1
    while more:
        page = await apps.done("showCoinHistory", token, before=ids[-1] if ids else "")
        ids += [one["id"] for one in page["movements"]]
        more = page["more"]
    assert len(ids) == len(set(ids)) == await transfers_of(apps.database, ann) == 2 * PAGE_SIZE + 8
    assert ids == sorted(ids, reverse=True)
    assert await apps.queries("showCoinHistory", token) == empty == 5
    assert await apps.done("showCoinHistory", token, before="1") == {"movements": [], "more": 0}
    assert (await apps.call("showCoinHistory", token, before="yesterday"))["code"] == 400
    assert (await apps.call("showCoinHistory", token, before=2**63))["code"] == 400


async def test_who_may_read_it(apps: Apps, ann: UserId, token: str, ben: UserId) -> None:
    await adjust(apps.database, ann, 10, "start")
    assert (await apps.done("showCoinHistory", await apps.token(ben)))["movements"] == []
    assert (await apps.call("showCoinHistory"))["code"] == 401
    assert (await apps.call("showCoinHistory", user_id=ann))["code"] == 401, "named by the body, not by a session"
    assert (await apps.call("showCoinHistory", token, user_id=ben))["code"] != 200
    await apps.ban(ann)
    assert (await apps.call("showCoinHistory", token))["code"] != 200
