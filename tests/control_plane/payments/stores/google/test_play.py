"""Purchases from Google Play, against a stand-in that answers as the Google Play Developer API does."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from fractions import Fraction
from typing import Any

import aiohttp
import pytest

from control_plane.base.clock import utc_now
from control_plane.base.service_account import UnusableAccount
from control_plane.config.declare import InvalidSettings
from control_plane.config.stores import Google
from control_plane.payments.stores.google import api
from control_plane.payments.stores.google.api import LARGEST_ANSWER
from control_plane.payments.stores.google.play import GooglePlay, open_google
from control_plane.payments.stores.model import (
    Claim,
    NoticeKind,
    ReceiptRefused,
    State,
    Store,
    StoreTransaction,
    StoreUnavailable,
)
from tests import local_google_play as play
from tests.local_google_play import ADDRESS, Failure, LocalGooglePlay, credentials, local_google_play, purchase_token

BOUGHT_AT = dt.datetime(2026, 11, 29, 18, 30, 0, 123000, dt.UTC)
UNKNOWN_TOKEN = purchase_token("unknown")


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """All that the log got, with the fields of each line."""
    return "\n".join(str(vars(record)) for record in caplog.records)


def test_the_adapter_is_a_store(store: GooglePlay) -> None:
    port: Store = store
    assert port.name == "google"


async def test_a_paid_purchase_is_described(google: LocalGooglePlay, store: GooglePlay) -> None:
    token = google.buy("one", obfuscatedExternalAccountId="6f9619ff-8b86-d011-b42d-00c04fc964ff")
    assert await store.look_up(token) == StoreTransaction(
        transaction_id="GPA.3398-one",
        product_id="coins_100",
        state=State.PAID,
        bought_at=BOUGHT_AT,
        account="6f9619ff-8b86-d011-b42d-00c04fc964ff",
    )
    assert google.exchanges == 1
    await store.look_up(token)
    assert google.exchanges == 1, "the access token is kept"


async def test_a_purchase_can_wait_for_its_payment(google: LocalGooglePlay, store: GooglePlay) -> None:
    token = google.wait_for_payment("cash")
    waiting = await store.look_up(token)
    assert (waiting.state, waiting.refunded) == (State.PENDING, Fraction(0))
    assert google.buy("cash") == token
    paid = await store.look_up(token)
    assert (paid.state, paid.bought_at, paid.transaction_id) == (State.PAID, BOUGHT_AT, "GPA.3398-cash")


async def test_a_purchase_that_was_never_paid_is_cancelled(google: LocalGooglePlay, store: GooglePlay) -> None:
    token = google.wait_for_payment("cash")
    google.purchases[token]["purchaseStateContext"] = {"purchaseState": "CANCELLED"}
    cancelled = await store.look_up(token)
    assert (cancelled.state, cancelled.refunded) == (State.CANCELLED, Fraction(0))


async def test_refunds_are_a_share_of_the_price(google: LocalGooglePlay, store: GooglePlay) -> None:
    token = google.buy("three", quantity=3)
    bought = await store.look_up(token)
    assert (bought.quantity, bought.refunded) == (3, Fraction(0))
    google.refund(token, 1)
    assert (await store.look_up(token)).refunded == Fraction(1, 3)
    google.refund(token, 2)
    assert (await store.look_up(token)).refunded == 1, "all, and the purchase is not cancelled"
    other = google.buy("other")
    google.refund(other)
    refunded = await store.look_up(other)
    assert (refunded.state, refunded.refunded) == (State.PAID, Fraction(1))
    assert refunded.transaction_id == "GPA.3398-other"


@pytest.mark.parametrize("details", [{}, {"refundableQuantity": 5}, {"quantity": 2}])
async def test_without_a_figure_nothing_is_refunded(
    google: LocalGooglePlay, store: GooglePlay, details: dict[str, int]
) -> None:
    token = google.buy("one")
    google.purchases[token]["productLineItem"][0]["productOfferDetails"] = details
    found = await store.look_up(token)
    assert (found.quantity, found.refunded) == (details.get("quantity", 1), Fraction(0))


async def test_a_purchase_without_an_order_has_an_id(google: LocalGooglePlay, store: GooglePlay) -> None:
    """With a promotion code."""
    token = google.buy("promotion", orderId=None)
    assert (await store.look_up(token)).transaction_id == f"token:{hashlib.sha256(token.encode()).hexdigest()}"
    assert await store.look_up(token) == await store.look_up(token)


async def test_test_purchases_are_credited_only_if_allowed(
    google: LocalGooglePlay, store: GooglePlay, session: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    token = google.buy("test", testPurchaseContext={"fopType": "TEST"})
    empty = google.buy("empty", testPurchaseContext={})
    for refused in (token, empty):
        with pytest.raises(ReceiptRefused):
            await store.look_up(refused)
    assert "LIVE_STORES_GOOGLE_TEST_PURCHASES" in logged(caplog)
    allowing = open_google(google.settings(test_purchases=True), session, ADDRESS)
    assert allowing is not None
    assert (await allowing.look_up(token)).state is State.PAID


async def test_a_purchase_of_another_app_or_unknown_is_refused(google: LocalGooglePlay, store: GooglePlay) -> None:
    google.other_apps.add(token := google.buy("elsewhere"))
    for refused in (token, UNKNOWN_TOKEN):
        with pytest.raises(ReceiptRefused):
            await store.look_up(refused)


@pytest.mark.parametrize("failure", ["UNKNOWN", "GONE", "INVALID", "OF_ANOTHER_APP"])
async def test_what_google_does_not_know_is_refused(google: LocalGooglePlay, store: GooglePlay, failure: str) -> None:
    google.failures = [getattr(play, failure)]
    with pytest.raises(ReceiptRefused):
        await store.look_up(google.buy("one"))


UNAVAILABLE = {
    "busy": play.BUSY,
    "quota": play.QUOTA,
    "backend": play.BACKEND,
    "another server": play.NOT_GOOGLE,
    "proxy": play.BAD_GATEWAY,
    "not JSON": Failure(200, "<html>"),
    "no purchase": Failure(200, {}),
    "no products": Failure(200, {"purchaseStateContext": {"purchaseState": "PURCHASED"}, "productLineItem": []}),
    "not UTF-8": Failure(200, b'{"purchaseStateContext": {"purchaseState": "\xff"}}'),
    "huge": Failure(200, b" " * (LARGEST_ANSWER + 1)),
    "huge error": Failure(404, b" " * (LARGEST_ANSWER + 1)),
}


@pytest.mark.parametrize("name", UNAVAILABLE)
async def test_a_failure_of_google_is_no_refusal(
    google: LocalGooglePlay, store: GooglePlay, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    token = google.buy("one")
    google.failures = [UNAVAILABLE[name]]
    with pytest.raises(StoreUnavailable):
        await store.look_up(token)
    assert (await store.look_up(token)).state is State.PAID
    assert caplog.records
    assert token not in logged(caplog)


async def test_a_state_that_is_not_known_is_no_refusal(google: LocalGooglePlay, store: GooglePlay) -> None:
    with pytest.raises(StoreUnavailable):
        await store.look_up(google.buy("one", state="PURCHASE_STATE_UNSPECIFIED"))


async def test_a_purchase_of_several_products_is_refused(google: LocalGooglePlay, store: GooglePlay) -> None:
    token = google.buy("two")
    google.purchases[token]["productLineItem"] *= 2
    with pytest.raises(ReceiptRefused):
        await store.look_up(token)


async def test_a_text_that_cannot_be_stored_is_refused(google: LocalGooglePlay, store: GooglePlay) -> None:
    """A changed app can give Google any text as the account."""
    with pytest.raises(ReceiptRefused):
        await store.look_up(google.buy("one", obfuscatedExternalAccountId="a\0b"))


async def test_a_redirect_is_not_followed(google: LocalGooglePlay, store: GooglePlay) -> None:
    token = google.buy("one")
    async with local_google_play() as other:
        google.failures = [Failure(307, "", {"Location": f"{other.url}/androidpublisher/v3/applications/x/purchases"})]
        with pytest.raises(StoreUnavailable):
            await store.look_up(token)
        assert other.requests == 0


async def test_a_slow_store_is_given_up(
    google: LocalGooglePlay, store: GooglePlay, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = google.buy("one")
    await store.look_up(token)
    monkeypatch.setattr(api, "LOOK_UP_S", 0.2)
    google.may_answer.clear()
    with pytest.raises(StoreUnavailable):
        await store.look_up(token)
    google.may_answer.set()


async def test_a_store_that_is_down_is_unavailable(google: LocalGooglePlay, session: aiohttp.ClientSession) -> None:
    store = open_google(google.settings(url="http://127.0.0.1:9"), session, ADDRESS)
    assert store is not None
    with pytest.raises(StoreUnavailable):
        await store.look_up(UNKNOWN_TOKEN)


async def test_an_access_token_that_ended_early_is_replaced(google: LocalGooglePlay, store: GooglePlay) -> None:
    token = google.buy("one")
    await store.look_up(token)
    google.revoked.add("access-1")
    assert (await store.look_up(token)).state is State.PAID
    assert google.exchanges == 2


@pytest.mark.parametrize(
    ("failures", "setting"),
    [
        ([play.UNAUTHENTICATED] * 2, "LIVE_STORES_GOOGLE_CREDENTIALS"),
        ([play.NO_PERMISSION], "LIVE_STORES_GOOGLE_CREDENTIALS"),
        ([play.NO_SUCH_APP], "LIVE_STORES_GOOGLE_PACKAGE_NAME"),
    ],
)
async def test_a_wrong_setting_is_named_and_refuses_no_purchase(
    google: LocalGooglePlay,
    store: GooglePlay,
    failures: list[Failure],
    setting: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    google.failures = failures
    token = google.buy("one")
    with pytest.raises(StoreUnavailable):
        await store.look_up(token)
    text = logged(caplog)
    assert setting in text
    assert not any(secret in text for secret in (token, "access-", "BEGIN PRIVATE KEY"))


async def test_an_account_without_access_tokens_is_named(
    google: LocalGooglePlay, store: GooglePlay, caplog: pytest.LogCaptureFixture
) -> None:
    google.token_failures = [Failure(400, {"error": "invalid_grant", "error_description": "geheim"})]
    with pytest.raises(StoreUnavailable):
        await store.look_up(google.buy("one"))
    text = logged(caplog)
    assert "LIVE_STORES_GOOGLE_CREDENTIALS" in text
    assert "invalid_grant" in text
    assert "geheim" not in text


async def test_a_credited_purchase_is_consumed(google: LocalGooglePlay, store: GooglePlay) -> None:
    token = google.buy("one")
    transaction = await store.look_up(token)
    await store.finish(transaction, token)
    await store.finish(transaction, token)
    assert google.consumed == [("coins_100", token)], "the second time it was consumed, which is success"
    assert (await store.look_up(token)).state is State.PAID


async def test_a_purchase_that_the_app_acknowledged_or_consumed_is_finished(
    google: LocalGooglePlay, store: GooglePlay
) -> None:
    acknowledged = google.buy("one", acknowledgementState="ACKNOWLEDGEMENT_STATE_ACKNOWLEDGED")
    await store.finish(await store.look_up(acknowledged), acknowledged)
    assert google.consumed == [("coins_100", acknowledged)]
    consumed = google.buy("two")
    google.purchases[consumed]["productLineItem"][0]["productOfferDetails"]["consumptionState"] = (
        "CONSUMPTION_STATE_CONSUMED"
    )
    await store.finish(await store.look_up(consumed), consumed)


async def test_a_purchase_that_was_refunded_or_is_gone_is_finished(google: LocalGooglePlay, store: GooglePlay) -> None:
    token = google.buy("one")
    transaction = await store.look_up(token)
    google.refund(token)
    await store.finish(transaction, token)
    del google.purchases[token]
    await store.finish(transaction, token)
    assert not google.consumed


@pytest.mark.parametrize("failure", ["BUSY", "QUOTA", "BACKEND", "NO_PERMISSION", "INVALID", "NOT_GOOGLE"])
async def test_a_purchase_that_cannot_be_consumed_now_is_consumed_later(
    google: LocalGooglePlay, store: GooglePlay, failure: str
) -> None:
    token = google.buy("one")
    transaction = await store.look_up(token)
    google.failures = [getattr(play, failure)]
    with pytest.raises(StoreUnavailable):
        await store.finish(transaction, token)
    assert not google.consumed
    await store.finish(transaction, token)
    assert google.consumed == [("coins_100", token)]


async def test_all_pages_of_voided_purchases_are_notices(google: LocalGooglePlay, store: GooglePlay) -> None:
    tokens = [google.buy(f"n{number}", quantity=2) for number in range(5)]
    for token in tokens:
        google.refund(token, 1)
    google.refund(tokens[0], 1)
    since = utc_now() - dt.timedelta(hours=2)
    notices = await store.voided(since)
    assert [notice.reference for notice in notices] == [*tokens, tokens[0]]
    assert {notice.kind for notice in notices} == {NoticeKind.CHANGED}
    assert len({notice.id for notice in notices}) == 6, "two refunds of one purchase are two notices"
    assert await store.voided(since) == notices, "with the same ids"
    assert set(google.asked_since) == {int(since.timestamp() * 1000)}


async def test_voided_purchases_are_asked_for_at_most_a_month(google: LocalGooglePlay, store: GooglePlay) -> None:
    assert await store.voided(dt.datetime(2020, 1, 1, tzinfo=dt.UTC)) == []
    (since,) = google.asked_since
    age = utc_now() - dt.datetime.fromtimestamp(since / 1000, dt.UTC)
    assert dt.timedelta(days=29) < age < dt.timedelta(days=30)


@pytest.mark.parametrize("failure", ["INVALID", "BACKEND", "NO_PERMISSION"])
async def test_a_list_that_fails_is_asked_for_again(google: LocalGooglePlay, store: GooglePlay, failure: str) -> None:
    google.failures = [getattr(play, failure)]
    with pytest.raises(StoreUnavailable):
        await store.voided(utc_now())


async def test_a_list_without_an_end_is_given_up(
    google: LocalGooglePlay, store: GooglePlay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.payments.stores.google.play.MOST_PAGES", 3)
    google.failures = [Failure(200, {"tokenPagination": {"nextPageToken": "page-0"}})] * 4
    with pytest.raises(StoreUnavailable):
        await store.voided(utc_now())
    assert len(google.failures) == 1


NOT_TOKENS = {
    "empty": "",
    "App Store transaction": "2000000123456789",
    "long number": "1" * 60,
    "App Store JWS": "eyJhbGciOiJFUzI1NiJ9.eyJ0cmFuc2FjdGlvbklkIjoiMjAwMDAwMDEyMzQ1Njc4OSJ9.c2lnbmF0dXJl",
    "App Store receipt": "MIIT0gYJKoZIhvcNAQcCoIITwzCCE78CAQExCzAJBgUrDgMCGgUAMIIDcwYJKoZIhvc",
    "Stripe Checkout": "cs_live_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6",
    "Stripe PaymentIntent": "pi_3MtwBwLkdIwHu7ix28a3tqPa3MtwBwLkdIwHu7ix28a3tqPa",
    "sandbox": "sandbox.eyJpZCI6ICJhYmMiLCAidXNlciI6IDF9eyJpZCI6ICJhYmMifQ.c2lnbmF0dXJlc2lnbmF0dXJl",
    "order id": "GPA.3398-7378-8657-58818",
    "with a space": purchase_token("one").replace("b", " "),
    "with a slash": purchase_token("one") + "/../x",
    "with a query": purchase_token("one") + "?alt=media",
    "with a line break": purchase_token("one") + "\n",
    "not ASCII": purchase_token("one") + "\u00e9",
    "endless": purchase_token("one") + "x" * 1000,
    "dots": "." * 50,
    "parent folders": "../" * 20,
}


@pytest.mark.parametrize("name", NOT_TOKENS)
async def test_other_texts_are_no_purchase_tokens(google: LocalGooglePlay, store: GooglePlay, name: str) -> None:
    assert not store.recognises(Claim(NOT_TOKENS[name]))
    with pytest.raises(ReceiptRefused):
        await store.look_up(NOT_TOKENS[name])
    assert google.requests == 0


def test_purchase_tokens_are_recognised(store: GooglePlay) -> None:
    assert store.recognises(Claim(purchase_token("one")))
    assert store.recognises(
        Claim(
            "minodojglppganfbiedlabed.AO-J1OyNtpooSraUdtKlZ_9gYs0o20ZF_0ryTNACmvaaaG5EwPX0hPruUdGbE3XejoXYCYzJA2xjjAxrDL"
            "Fhmu9WC4fvTDNL-RDXWWjlHKpzLOigxCr1QhScXR8uXtX8R94iV6MmMHqD"
        )
    )


def test_without_a_package_name_there_is_no_store(session: aiohttp.ClientSession) -> None:
    assert open_google(Google(credentials=credentials()), session, ADDRESS) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"package_name": "com.example/show"}, "LIVE_STORES_GOOGLE_PACKAGE_NAME must be the package name"),
        ({"package_name": "show"}, "LIVE_STORES_GOOGLE_PACKAGE_NAME must be the package name"),
        ({"credentials": ""}, "LIVE_STORES_GOOGLE_CREDENTIALS must be"),
        ({"credentials": "/no/such/file.json"}, "LIVE_STORES_GOOGLE_CREDENTIALS cannot be read"),
        ({"credentials": json.dumps({"private_key": "geheim"})}, "LIVE_STORES_GOOGLE_CREDENTIALS must be"),
    ],
)
def test_wrong_settings_stop_the_start_and_are_not_quoted(
    google: LocalGooglePlay, session: aiohttp.ClientSession, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises((InvalidSettings, UnusableAccount), match=words) as refusal:
        open_google(google.settings(**changes), session, ADDRESS)
    assert "geheim" not in str(refusal.value)
