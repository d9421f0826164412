"""Stripe as a store: the adapter alone, against Stripe's API on this machine."""

from __future__ import annotations

import asyncio
import datetime as dt
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from fractions import Fraction
from typing import Any

import aiohttp
import pytest

from control_plane.base.clock import utc_now
from control_plane.base.errors import ControlPlaneError
from control_plane.config.settings import Settings
from control_plane.config.stores import StoreSettings, Stripe
from control_plane.payments.sale import Product
from control_plane.payments.stores.model import (
    Claim,
    Message,
    NoticeKind,
    NotificationRefused,
    ReceiptRefused,
    State,
    StoreUnavailable,
)
from control_plane.payments.stores.stripe import client, selling
from control_plane.payments.stores.stripe.adapter import StripeStore
from control_plane.payments.stores.stripe.currencies import stripe_amount
from control_plane.payments.stores.stripe.model import (
    CardDeclined,
    CardTokenRefused,
    ConfirmationNeeded,
    PaymentUncertain,
    StartedCheckout,
)
from control_plane.payments.stores.stripe.opening import UnusableStripe, open_stripe
from tests.local_stripe import (
    CONFIRMED_BY_BANK,
    KEY,
    NEXT_WEBHOOK_SECRET,
    WEBHOOK_SECRET,
    LocalStripe,
    local_stripe,
    signed,
)

FIVE_HUNDRED = Product(2, "coins_500", "500 coins", 500, 499, "USD")
ANN, BEN = "7c9e6679-7425-40de-944b-e07fc1f90ae7", "f47ac10b-58cc-4372-a567-0e02b2c3d479"
PAID_URL, BACK_URL = (
    "https://live.example.com/watch/7?checkout={CHECKOUT_SESSION_ID}",
    "https://live.example.com/watch/7",
)


def options(url: str, **changed: Any) -> Stripe:
    return Stripe(**{"secret_key": KEY, "webhook_secrets": (WEBHOOK_SECRET,), "url": url, **changed})


@pytest.fixture
async def stripe() -> AsyncIterator[LocalStripe]:
    async with local_stripe() as service:
        yield service


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def store(stripe: LocalStripe, session: aiohttp.ClientSession) -> StripeStore:
    return StripeStore(options(stripe.url), False, session)


async def started(store: StripeStore, account: str = ANN, package: Product = FIVE_HUNDRED) -> StartedCheckout:
    return await store.sales.start_checkout(package, account, PAID_URL, BACK_URL)


# ── Checkout ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_checkout_asks_for_the_price_of_our_catalogue(store: StripeStore, stripe: LocalStripe) -> None:
    checkout = await started(store)

    made = stripe.objects[checkout.session_id]
    assert checkout.url == f"{stripe.url}/pay/{checkout.session_id}"
    assert (made["amount_total"], made["currency"], made["client_reference_id"]) == (499, "usd", ANN)
    assert (made["success_url"], made["cancel_url"]) == (PAID_URL, BACK_URL)


async def test_a_paid_checkout_is_one_transaction_by_session_and_by_intent(
    store: StripeStore, stripe: LocalStripe
) -> None:
    before = utc_now()
    checkout = await started(store)
    stripe.pay(checkout.session_id)
    intent_id = stripe.intent_of(checkout.session_id)

    by_session, by_intent = await store.look_up(checkout.session_id), await store.look_up(intent_id)

    assert by_session == by_intent
    assert (by_session.transaction_id, by_session.product_id, by_session.account) == (intent_id, "coins_500", ANN)
    assert (by_session.state, by_session.refunded, by_session.quantity) == (State.PAID, Fraction(0), 1)
    assert before <= by_session.bought_at <= utc_now()


async def test_an_old_price_is_credited_as_it_was_offered(store: StripeStore, stripe: LocalStripe) -> None:
    checkout = await started(store)
    stripe.pay(checkout.session_id)
    intent = stripe.objects[stripe.intent_of(checkout.session_id)]
    intent["created"] += 3000

    read = await store.look_up(intent["id"])

    assert abs(read.bought_at - utc_now()) < dt.timedelta(seconds=60), "when the checkout was started"


async def test_a_checkout_that_is_not_paid_is_pending_until_it_expires(store: StripeStore, stripe: LocalStripe) -> None:
    checkout = await started(store)
    assert (await store.look_up(checkout.session_id)).state is State.PENDING

    stripe.expire(checkout.session_id)
    assert (await store.look_up(checkout.session_id)).state is State.CANCELLED


@pytest.mark.parametrize(("arrives", "state"), [(True, State.PAID), (False, State.CANCELLED)])
async def test_a_bank_transfer_is_pending_until_it_arrives_or_fails(
    store: StripeStore, stripe: LocalStripe, arrives: bool, state: State
) -> None:
    checkout = await started(store)
    stripe.pay(checkout.session_id, later=True)
    assert (await store.look_up(checkout.session_id)).state is State.PENDING

    stripe.arrives(checkout.session_id, paid=arrives)
    assert (await store.look_up(checkout.session_id)).state is state


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_received": 498},
        {"currency": "mxn"},
        {"metadata": {}},
        {"metadata": {"stagedoor_product": "coins_500", "stagedoor_account": ANN}},
        {"metadata": {"order": "7"}},
        {"livemode": True},
    ],
)
async def test_what_we_did_not_sell_like_this_is_refused(
    store: StripeStore, stripe: LocalStripe, changes: dict[str, Any]
) -> None:
    checkout = await started(store)
    stripe.pay(checkout.session_id)
    stripe.objects[stripe.intent_of(checkout.session_id)].update(changes)

    for reference in (checkout.session_id, stripe.intent_of(checkout.session_id)):
        with pytest.raises(ReceiptRefused):
            await store.look_up(reference)


@pytest.mark.parametrize(
    "changes", [{"metadata": {}}, {"livemode": True}, {"mode": "setup"}, {"payment_status": "no_payment_required"}]
)
async def test_a_session_that_we_did_not_make_is_refused(
    store: StripeStore, stripe: LocalStripe, changes: dict[str, Any]
) -> None:
    checkout = await started(store)
    stripe.objects[checkout.session_id].update(changes)

    with pytest.raises(ReceiptRefused):
        await store.look_up(checkout.session_id)


@pytest.mark.parametrize("reference", ["cs_test_unknown", "pi_unknown", "ch_1", "", "pi_../disputes", "pi_1?a=b"])
async def test_an_unknown_id_is_refused(store: StripeStore, stripe: LocalStripe, reference: str) -> None:
    with pytest.raises(ReceiptRefused):
        await store.look_up(reference)


@pytest.mark.parametrize(
    ("transaction_id", "ours"),
    [
        ("cs_test_a1B2", True),
        ("pi_3Abc", True),
        ("tok_1", False),
        ("sandbox.x.y", False),
        ("pi_1 ", False),
        ("", False),
    ],
)
def test_a_claim_is_recognised_by_its_id(store: StripeStore, transaction_id: str, ours: bool) -> None:
    assert store.recognises(Claim(transaction_id)) is ours


# ── refunds and disputes ──────────────────────────────────────────────────────────────────────────────────────────────


async def bought(store: StripeStore, stripe: LocalStripe) -> str:
    checkout = await started(store)
    stripe.pay(checkout.session_id)
    return stripe.intent_of(checkout.session_id)


async def test_refunds_count_by_their_share(store: StripeStore, stripe: LocalStripe) -> None:
    intent_id = await bought(store, stripe)

    stripe.refund(intent_id, 100)
    part = await store.look_up(intent_id)
    stripe.refund(intent_id, 399)
    whole = await store.look_up(intent_id)

    assert (part.state, part.refunded) == (State.PAID, Fraction(100, 499))
    assert whole.refunded == 1


@pytest.mark.parametrize(
    ("status", "refunded"),
    [
        ("needs_response", 1),
        ("under_review", 1),
        ("lost", 1),
        ("won", 0),
        ("warning_needs_response", 0),
        ("warning_closed", 0),
    ],
)
async def test_an_open_or_lost_dispute_counts_whole_and_a_won_one_not(
    store: StripeStore, stripe: LocalStripe, status: str, refunded: int
) -> None:
    intent_id = await bought(store, stripe)
    stripe.dispute(intent_id, status)

    assert (await store.look_up(intent_id)).refunded == refunded


async def test_a_refund_and_a_dispute_never_count_more_than_the_whole(store: StripeStore, stripe: LocalStripe) -> None:
    intent_id = await bought(store, stripe)
    stripe.refund(intent_id, 100)
    stripe.dispute(intent_id)
    in_pesos = stripe.dispute(intent_id)["data"]["object"]["id"]
    stripe.objects[in_pesos].update(currency="mxn", amount=1)

    assert (await store.look_up(intent_id)).refunded == 1


# ── cards ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_card_is_charged_once_however_often_it_is_asked_for(store: StripeStore, stripe: LocalStripe) -> None:
    first = await store.sales.charge(FIVE_HUNDRED, ANN, "tok_visa")
    again = await asyncio.gather(*(store.sales.charge(FIVE_HUNDRED, ANN, "tok_visa") for _ in range(3)))

    assert set(again) == {first}
    assert stripe.charged == 499
    read = await store.look_up(first)
    assert (read.state, read.product_id, read.account) == (State.PAID, "coins_500", ANN)


async def test_the_second_of_two_calls_at_once_gets_the_answer_of_the_first(
    store: StripeStore, stripe: LocalStripe
) -> None:
    intents = await asyncio.gather(*(store.sales.charge(FIVE_HUNDRED, ANN, "tok_visa") for _ in range(2)))

    assert intents[0] == intents[1]
    assert stripe.charged == 499


async def test_a_lost_answer_is_uncertain_and_a_repeated_call_charges_nothing_more(
    store: StripeStore, stripe: LocalStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selling, "_REPEATS", 0)
    stripe.lost_answers = 1
    with pytest.raises(PaymentUncertain):
        await store.sales.charge(FIVE_HUNDRED, ANN, "tok_visa")
    assert stripe.charged == 499

    intent_id = await store.sales.charge(FIVE_HUNDRED, ANN, "tok_visa")

    assert stripe.charged == 499
    assert (await store.look_up(intent_id)).state is State.PAID


@pytest.mark.parametrize(
    ("token", "says"), [("tok_chargeDeclined", "declined"), ("tok_chargeDeclinedInsufficientFunds", "not enough money")]
)
async def test_a_declined_card_is_told_in_our_words(
    store: StripeStore, stripe: LocalStripe, token: str, says: str
) -> None:
    with pytest.raises(CardDeclined, match=says):
        await store.sales.charge(FIVE_HUNDRED, ANN, token)

    (intent,) = stripe.intents()
    assert stripe.charged == 0
    assert (await store.look_up(intent["id"])).state is State.CANCELLED


@pytest.mark.parametrize("approved", [True, False])
async def test_a_payment_that_the_bank_wants_confirmed(store: StripeStore, stripe: LocalStripe, approved: bool) -> None:
    with pytest.raises(ConfirmationNeeded) as asked:
        await store.sales.charge(FIVE_HUNDRED, ANN, CONFIRMED_BY_BANK)
    intent_id, secret = asked.value.beside.values()
    assert stripe.objects[intent_id]["client_secret"] == secret
    assert secret not in f"{asked.value!r} {asked.value}"
    assert (await store.look_up(intent_id)).state is State.PENDING

    stripe.confirm(intent_id, approved=approved)

    assert (await store.look_up(intent_id)).state is (State.PAID if approved else State.CANCELLED)
    if approved:
        assert await store.sales.charge(FIVE_HUNDRED, ANN, CONFIRMED_BY_BANK) == intent_id
    else:
        with pytest.raises(CardDeclined):
            await store.sales.charge(FIVE_HUNDRED, ANN, CONFIRMED_BY_BANK)
    assert stripe.charged == 499 * approved


async def test_a_token_pays_one_package_of_one_user(store: StripeStore, stripe: LocalStripe) -> None:
    await store.sales.charge(FIVE_HUNDRED, ANN, "tok_visa")

    for account, package in ((BEN, FIVE_HUNDRED), (ANN, Product(1, "coins_100", "100 coins", 100, 99, "USD"))):
        with pytest.raises(CardTokenRefused):
            await store.sales.charge(package, account, "tok_visa")
    assert stripe.charged == 499


@pytest.mark.parametrize("token", ["tok_unknown", "", "4242424242424242", "tok_ä", "pm_card_visa"])
async def test_what_is_no_token_is_refused(store: StripeStore, stripe: LocalStripe, token: str) -> None:
    with pytest.raises(CardTokenRefused):
        await store.sales.charge(FIVE_HUNDRED, ANN, token)
    assert stripe.charged == 0


@pytest.mark.parametrize(
    ("price_minor", "currency", "amount"),
    [(499, "USD", 499), (49_900, "JPY", 499), (49_950, "JPY", 500), (150, "KWD", 1500), (50_000, "UGX", 50_000)],
)
def test_amounts_are_in_the_smallest_unit_of_the_currency(price_minor: int, currency: str, amount: int) -> None:
    assert stripe_amount(price_minor, currency) == amount


# ── faults ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_store_that_fails_is_unavailable(store: StripeStore, stripe: LocalStripe, status: int) -> None:
    intent_id = await bought(store, stripe)
    stripe.failures = [status] * 5

    with pytest.raises(StoreUnavailable):
        await store.look_up(intent_id)
    with pytest.raises(StoreUnavailable):
        await started(store)
    with pytest.raises(PaymentUncertain):
        await store.sales.charge(FIVE_HUNDRED, ANN, "tok_visa")
    stripe.failures = []
    assert await store.look_up(intent_id), "it is back"


async def test_a_store_that_is_down_is_unavailable(stripe: LocalStripe, session: aiohttp.ClientSession) -> None:
    nowhere = StripeStore(options("http://127.0.0.1:9"), False, session)

    with pytest.raises(StoreUnavailable):
        await nowhere.look_up("pi_1")


async def test_a_slow_store_is_unavailable(store: StripeStore, stripe: LocalStripe) -> None:
    stripe.hang = asyncio.Event()

    with pytest.raises(StoreUnavailable):
        async with client.asking(within_s=0.05):
            await store._intent("pi_1")
    assert stripe.requests
    stripe.hang.set()


async def test_a_refused_key_is_logged_with_the_name_of_its_setting(
    stripe: LocalStripe, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = StripeStore(options(stripe.url, secret_key="sk_test_wrong"), False, session)

    with pytest.raises(StoreUnavailable):
        await wrong.look_up("pi_1")

    (record,) = (record for record in caplog.records if record.message == "stripe_refuses_key")
    assert vars(record)["setting"] == "LIVE_STORES_STRIPE_SECRET_KEY"
    assert "sk_test" not in caplog.text


async def test_answers_that_are_not_stripes_are_no_answers(session: aiohttp.ClientSession) -> None:
    from aiohttp import web
    from aiohttp.test_utils import TestServer

    followed = []

    async def elsewhere(request: web.Request) -> web.Response:
        followed.append(request.path)
        return web.json_response({})

    async def answer(request: web.Request) -> web.Response:
        match request.match_info["id"]:
            case "pi_html":
                return web.Response(text="<html>Bad Gateway</html>", status=502)
            case "pi_large":
                return web.Response(text=" " * (client.LARGEST_ANSWER + 1))
        raise web.HTTPTemporaryRedirect("/elsewhere")

    app = web.Application()
    app.router.add_get("/v1/payment_intents/{id}", answer)
    app.router.add_get("/elsewhere", elsewhere)
    async with TestServer(app) as server:
        store = StripeStore(options(str(server.make_url(""))), False, session)
        for intent_id in ("pi_html", "pi_large", "pi_redirected"):
            with pytest.raises(StoreUnavailable):
                await store.look_up(intent_id)
    assert followed == []


# ── webhooks ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def told(store: StripeStore, headers: dict[str, str], body: bytes) -> list[str]:
    """References of the notices."""
    notices = await store.notices(Message(headers, body))
    assert all(notice.kind is NoticeKind.CHANGED for notice in notices)
    return [notice.reference for notice in notices]


async def test_events_name_the_session_or_the_intent(store: StripeStore, stripe: LocalStripe) -> None:
    checkout = await started(store)
    completed = stripe.pay(checkout.session_id)
    intent_id = stripe.intent_of(checkout.session_id)
    intent = stripe.objects[intent_id]
    dispute = stripe.dispute(intent_id)
    refund = {"id": "re_1", "object": "refund", "payment_intent": intent_id, "metadata": {}}

    (notice,) = await store.notices(Message(*signed(completed)))
    assert (notice.id, notice.reference) == (completed["id"], checkout.session_id)
    for event, reference in (
        (stripe.event("checkout.session.expired", stripe.objects[checkout.session_id]), checkout.session_id),
        (stripe.event("payment_intent.succeeded", intent), intent_id),
        (stripe.event("payment_intent.canceled", intent), intent_id),
        (stripe.refund(intent_id), intent_id),
        (stripe.event("refund.updated", refund), intent_id),
        (stripe.event("charge.refund.updated", refund), intent_id),
        (dispute, intent_id),
        (stripe.event("charge.dispute.funds_reinstated", dispute["data"]["object"]), intent_id),
    ):
        assert await told(store, *signed(event)) == [reference], event["type"]


async def test_events_of_other_apps_are_ignored(store: StripeStore, stripe: LocalStripe) -> None:
    theirs = {"id": "cs_test_1", "object": "checkout.session", "metadata": {"order": "7"}}
    for event in (
        stripe.event("checkout.session.completed", theirs),
        stripe.event("payment_intent.succeeded", {**theirs, "id": "pi_1", "metadata": {}}),
        stripe.event("charge.refunded", {"id": "ch_1", "payment_intent": None}),
        stripe.event("customer.created", {"id": "cus_1"}),
        stripe.event("payment_intent.created", theirs),
    ):
        assert await told(store, *signed(event)) == []


async def test_a_webhook_needs_one_of_our_signatures(stripe: LocalStripe, session: aiohttp.ClientSession) -> None:
    secrets = (NEXT_WEBHOOK_SECRET, WEBHOOK_SECRET)
    rolling = StripeStore(options(stripe.url, webhook_secrets=secrets), False, session)
    event = stripe.event("customer.created", {"id": "cus_1"})

    for signers in ((WEBHOOK_SECRET,), (NEXT_WEBHOOK_SECRET,), ("whsec_other", NEXT_WEBHOOK_SECRET)):
        assert await told(rolling, *signed(event, *signers)) == []

    headers, body = signed(event)
    wrong = {"stripe-signature": "t=1,v1=é"}
    for refused in (
        signed(event, "whsec_other"),
        signed(event, at=time.time() - 400),
        (headers, body + b" "),
        ({}, body),
        (wrong, body),
        ({"stripe-signature": headers["stripe-signature"].replace("v1", "v0")}, body),
        (headers, b"\xff"),
    ):
        with pytest.raises(NotificationRefused):
            await told(rolling, *refused)


async def test_without_a_secret_no_webhook_is_accepted(stripe: LocalStripe, session: aiohttp.ClientSession) -> None:
    store = StripeStore(options(stripe.url, webhook_secrets=()), False, session)
    for secret in (WEBHOOK_SECRET, ""):
        with pytest.raises(NotificationRefused):
            await told(store, *signed(stripe.event("customer.created", {}), secret))


async def test_a_webhook_of_the_other_mode_is_refused(store: StripeStore, stripe: LocalStripe) -> None:
    with pytest.raises(NotificationRefused, match="mode"):
        await told(store, *signed(stripe.event("customer.created", {}) | {"livemode": True}))


@pytest.mark.parametrize("body", [b"", b"[]", b'{"id": 1}', b"{"])
async def test_a_signed_body_that_is_no_event_is_refused(store: StripeStore, body: bytes) -> None:
    from stripe import WebhookSignature

    signature = WebhookSignature.generate_signature_header(body.decode(), WEBHOOK_SECRET)
    with pytest.raises(NotificationRefused):
        await told(store, {"stripe-signature": signature}, body)


# ── settings ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def opened(session: aiohttp.ClientSession, *, dev: bool = False, **changed: Any) -> StripeStore | None:
    stores = StoreSettings(stripe=options("https://api.stripe.com", **changed))
    return open_stripe(Settings(dev=dev, stores=stores), session)


async def test_without_a_key_stripe_is_not_there(session: aiohttp.ClientSession) -> None:
    assert opened(session, secret_key="") is None


@pytest.mark.parametrize("key", ["pk_live_1", "sk_1", "whsec_1", "sk_live_1 "])
async def test_a_key_of_another_kind_stops_the_start_and_is_not_quoted(
    session: aiohttp.ClientSession, key: str
) -> None:
    with pytest.raises(UnusableStripe) as stopped:
        opened(session, secret_key=key)
    assert key not in str(stopped.value)
    assert issubclass(UnusableStripe, ControlPlaneError)


@pytest.mark.parametrize(
    ("key", "dev", "loud"),
    [(KEY, False, True), ("rk_test_1", False, True), (KEY, True, False), ("sk_live_1", False, False)],
)
async def test_a_test_key_in_production_is_told_loudly(
    session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture, key: str, dev: bool, loud: bool
) -> None:
    assert opened(session, secret_key=key, dev=dev) is not None
    assert ("stripe_in_test_mode" in caplog.text) is loud


def test_the_library_is_imported_only_when_stripe_is_set_up() -> None:
    script = (
        "import sys, stagedoor.parts.money, control_plane.payments.stores.stripe.opening;"
        "sys.exit('stripe' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


async def test_the_library_sends_no_telemetry(store: StripeStore, stripe: LocalStripe) -> None:
    import stripe as library

    assert library.enable_telemetry is False
