"""startCheckout and purchaseCoinsFromStripe, and what Stripe's webhooks do to purchases, over Stripe's API on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from api.contract.client import Client
from control_plane.base.ids import UserId
from control_plane.config.stores import StoreSettings, Stripe
from control_plane.gifts.store import seed_catalogue
from control_plane.ledger.wallets import Wallet, wallet
from control_plane.payments.packages_store import seed_packages
from control_plane.payments.stores.model import Message
from tests.api.sections.apps import APPS, Apps, apps_of
from tests.control_plane.ledger.books import audit
from tests.control_plane.people import new_user
from tests.control_plane.watched_database import WatchedDatabase
from tests.local_stripe import CONFIRMED_BY_BANK, KEY, WEBHOOK_SECRET, LocalStripe, local_stripe, signed


@pytest.fixture
async def stripe() -> AsyncIterator[LocalStripe]:
    async with local_stripe() as service:
        yield service


@pytest.fixture
async def apps(dsn: str, database: WatchedDatabase, tmp_path: Path, stripe: LocalStripe) -> AsyncIterator[Apps]:
    async with database.transaction() as connection:
        await seed_packages(connection)
        await seed_catalogue(connection)
    options = Stripe(secret_key=KEY, webhook_secrets=(WEBHOOK_SECRET,), url=stripe.url)
    async with apps_of(dsn, database, tmp_path, stores=StoreSettings(stripe=options)) as apps:
        yield apps


async def told(apps: Apps, event: dict[str, Any]) -> None:
    """Stripe tells of the event, and the job works."""
    headers, body = signed(event)
    await apps.platform.payments.notifications.take("stripe", Message(headers, body))
    await apps.platform.payments.due.work()


async def checkout(apps: Apps, token: str, **body: Any) -> str:
    started = await apps.done("startCheckout", token, **{"product_id": "coins_500", **body})
    return str(started["session_id"])


async def has(apps: Apps, user_id: UserId, coins: int, debt: int = 0) -> None:
    assert await wallet(apps.database, user_id) == Wallet(bought=coins, debt=debt)
    await audit(apps.database)


# ── checkouts ──


@pytest.mark.parametrize("by", [{"product_id": "coins_500"}, {"package_id": 2}, {"package_id": "2", "product_id": ""}])
async def test_a_checkout_is_for_a_package_of_ours(
    apps: Apps, token: str, stripe: LocalStripe, by: dict[str, Any]
) -> None:
    started = await apps.done("startCheckout", token, **by)

    made = stripe.objects[started["session_id"]]
    assert (made["amount_total"], made["currency"], started["url"]) == (499, "usd", made["url"])


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/watch/7", {}),
        ("/watch/7?low=1&checkout=cs_old#top", {"low": ["1"]}),
        ("/@ann ä", {}),
        ("//evil.example.com/x", {}),
        ("https://evil.example.com/", {}),
        ("/\\evil.example.com", {}),
        ("/{CHECKOUT_SESSION_ID}", {}),
        ("", {}),
    ],
)
async def test_stripe_leads_back_to_a_page_of_ours(
    apps: Apps, token: str, stripe: LocalStripe, path: str, query: dict[str, list[str]]
) -> None:
    made = stripe.objects[await checkout(apps, token, return_path=path)]

    paid, back = urlsplit(made["success_url"]), urlsplit(made["cancel_url"])
    assert (paid.netloc, paid.fragment, back.path) == ("live.example.com:8080", "", paid.path)
    assert back.netloc == paid.netloc
    assert parse_qs(paid.query) == {**query, "checkout": ["{CHECKOUT_SESSION_ID}"]}
    assert parse_qs(back.query) == query
    assert made["success_url"].endswith("checkout={CHECKOUT_SESSION_ID}")


@pytest.mark.parametrize("app", APPS)
async def test_a_paid_checkout_is_credited_once_by_call_and_notification(
    apps: Apps, token: str, ann: UserId, stripe: LocalStripe, app: Client
) -> None:
    session_id = await checkout(apps, token)
    completed = stripe.pay(session_id)
    both = {
        "transaction_id": "",
        "stripe_session_id": session_id,
        "coin": "500",
        "title": "x",
        "price": "$1",
        "device": "d",
    }

    for _ in range(2):
        bought = await apps.done("purchaseCoin", token, app, **both)
        await told(apps, completed)
    by_intent = await apps.done("purchaseCoin", token, app, **{**both, "transaction_id": stripe.intent_of(session_id)})

    assert bought["User"]["wallet"] == by_intent["User"]["wallet"] == 500
    assert bought["PurchaseCoin"]["price_decimal"] == "4.99"
    await has(apps, ann, 500)


async def test_the_notification_alone_credits_also_before_the_call(
    apps: Apps, token: str, ann: UserId, stripe: LocalStripe
) -> None:
    session_id = await checkout(apps, token)
    await told(apps, stripe.pay(session_id))
    await has(apps, ann, 500)

    assert (await apps.done("purchaseCoin", token, transaction_id=session_id))["User"]["wallet"] == 500
    await has(apps, ann, 500)


async def test_a_call_before_the_payment_is_kept_and_credited_later(
    apps: Apps, token: str, ann: UserId, stripe: LocalStripe
) -> None:
    session_id = await checkout(apps, token)
    early = await apps.call("purchaseCoin", token, transaction_id=session_id)
    assert (early["code"], "not paid yet" in early["msg"]) == (201, True)
    await has(apps, ann, 0)

    await told(apps, stripe.pay(session_id, later=True))
    await has(apps, ann, 0)
    await told(apps, stripe.arrives(session_id))
    await has(apps, ann, 500)


async def test_what_is_not_paid_or_not_ours_credits_nothing(
    apps: Apps, token: str, ann: UserId, stripe: LocalStripe
) -> None:
    ben = await new_user(apps.database, "ben")
    bens = await apps.token(ben)
    expired, paid, cheaper = [await checkout(apps, token) for _ in range(3)]
    stripe.expire(expired)
    stripe.pay(paid)
    stripe.pay(cheaper)
    stripe.objects[stripe.intent_of(cheaper)]["amount_received"] = 1

    for caller, reference in (
        (token, expired),
        (token, cheaper),
        (bens, paid),
        (bens, stripe.intent_of(paid)),
        (token, "cs_test_unknown"),
        (token, "tok_visa"),
    ):
        assert (await apps.call("purchaseCoin", caller, transaction_id=reference))["code"] == 201, reference
    await has(apps, ann, 0)
    await has(apps, ben, 0)


async def test_many_calls_and_notifications_at_once_credit_once(
    apps: Apps, token: str, ann: UserId, stripe: LocalStripe
) -> None:
    session_id = await checkout(apps, token)
    completed = stripe.pay(session_id)

    await asyncio.gather(
        *(apps.call("purchaseCoin", token, transaction_id=session_id) for _ in range(4)),
        *(told(apps, completed) for _ in range(4)),
    )

    await has(apps, ann, 500)


# ── refunds and disputes ──


@pytest.fixture
async def intent_id(apps: Apps, token: str, stripe: LocalStripe) -> str:
    """Of a credited purchase of 500 coins."""
    session_id = await checkout(apps, token)
    await told(apps, stripe.pay(session_id))
    return stripe.intent_of(session_id)


async def test_refunds_take_back_their_share(apps: Apps, ann: UserId, stripe: LocalStripe, intent_id: str) -> None:
    for _ in range(2):
        await told(apps, stripe.refund(intent_id, 0))
    part = stripe.refund(intent_id, 250)
    await told(apps, part)
    await has(apps, ann, 500 - 500 * 250 // 499)

    whole = stripe.refund(intent_id, 249)
    for event in (whole, part, whole):
        await told(apps, event)
    await has(apps, ann, 0)


@pytest.mark.parametrize(("decided", "coins"), [("lost", 0), ("won", 500)])
async def test_a_dispute_takes_back_all_until_it_is_won(
    apps: Apps, ann: UserId, stripe: LocalStripe, intent_id: str, decided: str, coins: int
) -> None:
    opened = stripe.dispute(intent_id)
    await told(apps, opened)
    await has(apps, ann, 0)

    await told(apps, stripe.decide(opened["data"]["object"]["id"], decided))
    await has(apps, ann, coins)


async def test_what_was_spent_becomes_debt(
    apps: Apps, token: str, ann: UserId, stripe: LocalStripe, intent_id: str
) -> None:
    receiver = await new_user(apps.database, "rita")
    gift = max(
        (entry["Gift"] for entry in await apps.done("showGifts", token) if entry["Gift"]["coin"] <= 500),
        key=lambda gift: gift["coin"],
    )
    await apps.done("sendGift", token, receiver_id=receiver, gift_id=gift["id"], gift_count=1)

    await told(apps, stripe.refund(intent_id))
    await has(apps, ann, 0, debt=gift["coin"])

    await told(apps, stripe.pay(await checkout(apps, token)))
    await has(apps, ann, 500 - gift["coin"])


# ── card tokens ──


def card(token: str = "tok_visa", **more: Any) -> dict[str, Any]:
    return {"stripe_token": token, "coin": "500", "title": "500 coins", "price": "$0.01", "device": "android", **more}


@pytest.mark.parametrize("app", APPS)
async def test_a_card_is_charged_the_price_of_the_catalogue_once(
    apps: Apps, token: str, ann: UserId, stripe: LocalStripe, app: Client
) -> None:
    for _ in range(2):
        bought = await apps.done("purchaseCoinsFromStripe", token, app, **card(user_id=str(ann)))
        assert (bought["User"]["wallet"], bought["Transaction"]["price"]) == (500, 4.99)
        assert bought["PurchaseCoin"]["device"] == "android"
    await told(apps, stripe.event("payment_intent.succeeded", stripe.intents()[0]))

    assert stripe.charged == 499
    await has(apps, ann, 500)


async def test_two_calls_at_once_charge_once(apps: Apps, token: str, ann: UserId, stripe: LocalStripe) -> None:
    answers = await asyncio.gather(*(apps.call("purchaseCoinsFromStripe", token, **card()) for _ in range(3)))

    assert [answer["code"] for answer in answers] == [200] * 3
    assert stripe.charged == 499
    await has(apps, ann, 500)


@pytest.mark.parametrize("then", ["call", "purchaseCoin", "notification"])
async def test_a_payment_that_the_bank_wants_confirmed_is_credited_after_it_is(
    apps: Apps, token: str, ann: UserId, stripe: LocalStripe, then: str
) -> None:
    asked = await apps.call("purchaseCoinsFromStripe", token, **card(CONFIRMED_BY_BANK))
    intent = stripe.objects[asked["payment_intent"]]
    assert (asked["code"], asked["payment_intent_client_secret"]) == (201, intent["client_secret"])
    assert "bank asks you to confirm" in asked["msg"]
    assert "secret" not in asked["msg"]
    await has(apps, ann, 0)

    event = stripe.confirm(intent["id"])
    if then == "call":
        await apps.done("purchaseCoinsFromStripe", token, **card(CONFIRMED_BY_BANK))
    elif then == "purchaseCoin":
        await apps.done("purchaseCoin", token, transaction_id=intent["id"])
    else:
        await told(apps, event)
    await has(apps, ann, 500)
    assert stripe.charged == 499


@pytest.mark.parametrize("app", APPS)
async def test_refused_cards_charge_and_credit_nothing(
    apps: Apps, token: str, ann: UserId, stripe: LocalStripe, app: Client
) -> None:
    for body, says in (
        (card("tok_chargeDeclinedInsufficientFunds"), "not enough money"),
        (card("tok_unknown"), "enter the card again"),
        (card("4242424242424242"), "enter the card again"),
        (card(coin="501"), "no such coin package"),
    ):
        answer = await apps.call("purchaseCoinsFromStripe", token, app, **body)
        assert (answer["code"], says in answer["msg"]) == (201, True), answer
    assert stripe.charged == 0
    await has(apps, ann, 0)


async def test_a_charge_whose_answer_was_lost_is_credited_by_the_notification(
    apps: Apps, token: str, ann: UserId, stripe: LocalStripe
) -> None:
    stripe.lost_answers = 3
    answer = await apps.call("purchaseCoinsFromStripe", token, **card())
    assert (answer["code"], "not be charged twice" in answer["msg"]) == (201, True)
    assert stripe.charged == 499
    await has(apps, ann, 0)

    await told(apps, stripe.event("payment_intent.succeeded", stripe.intents()[0]))
    await has(apps, ann, 500)
    assert (await apps.done("purchaseCoinsFromStripe", token, **card()))["User"]["wallet"] == 500
    assert stripe.charged == 499


async def test_stripe_down_after_the_charge_leaves_a_claim_that_the_job_finishes(
    apps: Apps, token: str, ann: UserId, stripe: LocalStripe
) -> None:
    down: Callable[[], None] = lambda: stripe.failures.extend([503])  # noqa: E731
    session_id = await checkout(apps, token)
    stripe.pay(session_id)
    down()
    answer = await apps.call("purchaseCoin", token, transaction_id=session_id)
    assert (answer["code"], "is noted" in answer["msg"]) == (201, True)

    await apps.database.execute("update purchase_claim set due_at = now()")
    await apps.platform.payments.due.work()
    await has(apps, ann, 500)


@pytest.mark.parametrize("call", [("startCheckout", {"product_id": "coins_500"}), ("purchaseCoinsFromStripe", card())])
async def test_who_may_call(
    apps: Apps, token: str, ann: UserId, stripe: LocalStripe, call: tuple[str, dict[str, Any]]
) -> None:
    name, body = call
    assert (await apps.call(name, user_id=str(ann), **body))["code"] == 401
    await apps.ban(ann)
    assert (await apps.call(name, token, **body))["code"] in (201, 401)
    assert stripe.requests == []


async def test_cards_cannot_be_tried_in_numbers(apps: Apps, token: str, stripe: LocalStripe) -> None:
    answers = [await apps.call("purchaseCoinsFromStripe", token, **card(f"tok_chargeDeclined_x{n}")) for n in range(20)]

    assert any("Too many purchases" in answer["msg"] for answer in answers)
    assert len(stripe.intents()) < 10


async def test_without_stripe_both_calls_say_so(dsn: str, database: WatchedDatabase, tmp_path: Path) -> None:
    async with apps_of(dsn, database, tmp_path) as apps:
        token = await apps.token(await new_user(database, "ann"))
        for name, body in (("startCheckout", {"product_id": "coins_500"}), ("purchaseCoinsFromStripe", card())):
            answer = await apps.call(name, token, **body)
            assert (answer["code"], answer["msg"]) == (201, "Coins cannot be bought by card on this server.")
