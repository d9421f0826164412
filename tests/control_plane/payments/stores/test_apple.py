"""The App Store: its signed transactions and notifications, against a local one with its own certificates."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import logging
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from control_plane.base.errors import ErrorKind
from control_plane.config.stores import Apple
from control_plane.payments.stores.apple import client as client_module
from control_plane.payments.stores.apple.client import AppStore
from control_plane.payments.stores.apple.opening import UnusableAppStore, open_apple
from control_plane.payments.stores.apple.server_api import LARGEST_ANSWER
from control_plane.payments.stores.model import (
    AsksConsumption,
    Claim,
    Consumption,
    Message,
    Notice,
    NoticeKind,
    NotificationRefused,
    ReceiptRefused,
    State,
    Store,
    StoreUnavailable,
)
from tests.local_apple import (
    APP_ID,
    INTERNAL,
    PRODUCT,
    RATE_LIMIT,
    UNKNOWN,
    Chain,
    LocalApple,
    local_apple,
    milliseconds,
)
from tests.local_provider import ec_key

ACCOUNT = "0d7d5b1c-3f1e-4a40-9e5e-1f0a7d3f6b5a"
WRONG_CHAINS = {
    "another root": Chain("Mallory"),
    "a leaf without Apple's mark": Chain(leaf_oid=""),
    "a leaf with another mark": Chain(leaf_oid="1.2.840.113635.100.6.1.1"),
    "an intermediate without Apple's mark": Chain(intermediate_oid=""),
    "an intermediate that may not sign": Chain(intermediate_is_ca=False),
    "an expired leaf": Chain(leaf_days=(-365, -1)),
    "a leaf that is not valid yet": Chain(leaf_days=(1, 365)),
}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def apple() -> AsyncIterator[LocalApple]:
    async with local_apple() as apple:
        yield apple


@pytest.fixture
def store(apple: LocalApple, session: aiohttp.ClientSession, tmp_path: Path) -> AppStore:
    return opened(apple.settings(tmp_path), session)


def opened(settings: Apple, session: aiohttp.ClientSession) -> AppStore:
    store = open_apple(settings, session)
    assert store is not None
    return store


def altered(jws: str, **changes: Any) -> str:
    """The JWS with another payload and its old signature."""
    header, payload, signature = jws.split(".")
    fields = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return ".".join((header, _encoded({**fields, **changes}), signature))


def unsigned(jws: str) -> str:
    """The JWS with `alg: none`: with an empty signature, which some libraries accept."""
    header, payload, _ = jws.split(".")
    fields = json.loads(base64.urlsafe_b64decode(header + "=="))
    return ".".join((_encoded({**fields, "alg": "none"}), payload, ""))


def _encoded(document: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def answer_with(apple: LocalApple, jws: str) -> None:
    """The next answer of the API holds this JWS."""
    apple.answers.append((200, {"signedTransactionInfo": jws}))


# ── transactions ──


async def test_a_paid_transaction(apple: LocalApple, store: AppStore) -> None:
    bought_at = dt.datetime(2026, 11, 28, 12, 0, 0, 123_000, tzinfo=dt.UTC)
    transaction_id = apple.sell(appAccountToken=ACCOUNT.upper(), quantity=3, purchaseDate=milliseconds(bought_at))
    found = await store.look_up(transaction_id)
    assert (found.transaction_id, found.product_id, found.state) == (transaction_id, PRODUCT, State.PAID)
    assert (found.bought_at, found.quantity, found.account, found.refunded) == (bought_at, 3, ACCOUNT, Fraction(0))
    await store.finish(found, transaction_id)
    assert apple.asked == [transaction_id]


async def test_the_jws_of_the_app_gives_the_same_transaction(apple: LocalApple, store: AppStore) -> None:
    """Only the id is read from it: what the API says counts, such as a refund since."""
    transaction_id = apple.sell()
    jws = apple.signed(transaction_id)
    apple.refund(transaction_id)
    assert store.recognises(Claim(jws))
    found = await store.look_up(jws)
    assert (found.transaction_id, found.refunded) == (transaction_id, Fraction(1))
    assert apple.asked == [transaction_id]


@pytest.mark.parametrize("transaction_id", ["20000001", "70000123456789012", "700001234567890123", str(2**64 - 1)])
async def test_ids_of_every_length(apple: LocalApple, store: AppStore, transaction_id: str) -> None:
    assert store.recognises(Claim(transaction_id))
    apple.sell(transaction_id)
    assert (await store.look_up(transaction_id)).transaction_id == transaction_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "007000012345678901",
        "7" * 21,
        "٧٠٠٠٠١٢٣٤٥٦٧٨٩٠١٢",
        "７００００１２３４５６７８９０１２",
        "7٠٠٠٠١٢٣٤٥٦٧٨٩٠١٢",
        "7000012345678901²",
        "700001234567890\n",
        " 700001234567890",
        "-700001234567890",
        "7e15",
        "700001234567890/../x",
        "eyJhbGciOiJFUzI1NiJ9.eyJ9",
        "eyJ." * 40_000,
        "eyJ" + "a" * 70_000 + ".a.a",
        "abcdefghijklmnopqrstuvwx.AO-J1OxKQq",
        "cs_test_a1",
        "sandbox.abc.def",
    ],
)
async def test_other_formats_are_not_taken(apple: LocalApple, store: AppStore, text: str) -> None:
    assert not store.recognises(Claim(text))
    with pytest.raises(ReceiptRefused):
        await store.look_up(text)
    assert apple.asked == []


@pytest.mark.parametrize(
    ("changes", "share"),
    [
        ({}, Fraction(1)),
        ({"revocationType": "REFUND_FULL", "revocationPercentage": 100_000}, Fraction(1)),
        ({"revocationType": "REFUND_PRORATED", "revocationPercentage": 67_932}, Fraction(67_932, 100_000)),
        ({"revocationPercentage": 15}, Fraction(15, 100_000)),
        ({"revocationPercentage": 0}, Fraction(1)),
        ({"revocationPercentage": 200_000}, Fraction(1)),
    ],
)
async def test_a_refund(apple: LocalApple, store: AppStore, changes: dict[str, Any], share: Fraction) -> None:
    transaction_id = apple.sell()
    apple.refund(transaction_id, **changes)
    found = await store.look_up(transaction_id)
    assert (found.state, found.refunded) == (State.PAID, share)
    for name in ("revocationDate", "revocationReason", *changes):
        del apple.transactions[transaction_id][name]
    assert (await store.look_up(transaction_id)).refunded == 0, "the refund was reversed"


@pytest.mark.parametrize(
    "changes",
    [
        {"type": "Auto-Renewable Subscription"},
        {"type": "Non-Renewing Subscription"},
        {"type": "Non-Consumable"},
        {"type": "Something New"},
        {"type": None},
        {"productId": None},
        {"purchaseDate": None},
        {"bundleId": "com.example.other"},
        {"bundleId": None},
        {"environment": "Sandbox"},
        {"environment": "Xcode"},
        {"environment": "LocalTesting"},
        {"environment": None},
    ],
    ids=str,
)
async def test_what_is_no_purchase_of_coins_in_this_app(
    apple: LocalApple, store: AppStore, changes: dict[str, Any]
) -> None:
    transaction_id = apple.sell(**changes)
    with pytest.raises(ReceiptRefused):
        await store.look_up(transaction_id)
    with pytest.raises(ReceiptRefused):
        await store.look_up(apple.signed(transaction_id))


async def test_a_receipt_of_production_in_the_sandbox(session: aiohttp.ClientSession, tmp_path: Path) -> None:
    """In the sandbox, notifications and transactions name no Apple ID of the app."""
    async with local_apple("Sandbox") as apple:
        store = opened(apple.settings(tmp_path, app_id=0), session)
        transaction_id = apple.sell()
        assert (await store.look_up(transaction_id)).state is State.PAID
        assert await store.notices(Message({}, apple.notification("REFUND", transaction_id, appAppleId=None)))
        with pytest.raises(ReceiptRefused):
            await store.look_up(apple.sell("700009", environment="Production"))


async def test_an_unknown_transaction(apple: LocalApple, store: AppStore) -> None:
    with pytest.raises(ReceiptRefused):
        await store.look_up("700001234567890")
    apple.answers = [(400, {"errorCode": 4000006, "errorMessage": "Invalid transaction id."})]
    with pytest.raises(ReceiptRefused):
        await store.look_up("700001234567890")


async def test_a_signed_transaction_that_the_api_does_not_know_yet(apple: LocalApple, store: AppStore) -> None:
    jws = apple.signed(apple.sell())
    apple.answers = [UNKNOWN]
    with pytest.raises(StoreUnavailable):
        await store.look_up(jws)
    assert (await store.look_up(jws)).state is State.PAID


@pytest.mark.parametrize("chain", WRONG_CHAINS.values(), ids=WRONG_CHAINS)
async def test_a_wrong_chain(
    apple: LocalApple, store: AppStore, chain: Chain, caplog: pytest.LogCaptureFixture
) -> None:
    """In a client's receipt it is a forgery. In an answer of the API it is a wrong setting or an attack: the purchase
    waits, and is not lost."""
    caplog.set_level(logging.INFO)
    transaction_id = apple.sell()
    with pytest.raises(ReceiptRefused):
        await store.look_up(apple.signed(transaction_id, chain))
    assert apple.asked == []
    assert "app_store_receipt_refused" in caplog.messages
    answer_with(apple, apple.signed(transaction_id, chain))
    with pytest.raises(StoreUnavailable):
        await store.look_up(transaction_id)
    (refused,) = [record for record in caplog.records if record.message == "app_store_answer_refused"]
    assert "LIVE_STORES_APPLE_ROOT_CERTIFICATES" in refused.__dict__["why"]


def forged(apple: LocalApple, transaction_id: str) -> dict[str, str]:
    jws = apple.signed(transaction_id)
    header, payload, signature = jws.split(".")
    leaf = json.loads(base64.urlsafe_b64decode(header + "=="))["x5c"][0]
    changed = signature[:20] + ("A" if signature[20] != "A" else "B") + signature[21:]
    fields = apple.transactions[transaction_id]
    return {
        "an altered payload": altered(jws, productId="com.example.coins.10000"),
        "an altered signature": ".".join((header, payload, changed)),
        "an empty chain": apple.chain.jws(fields, x5c=[]),
        "a chain of one": apple.chain.jws(fields, x5c=[leaf]),
        "a chain that is no list": apple.chain.jws(fields, x5c="abc"),
        "no certificates": apple.chain.jws(fields, x5c=["A", "B", "C"]),
        "fields of wrong types": apple.chain.jws({**fields, "quantity": "many"}),
        "a payload that is a list": _encoded({"alg": "ES256"}) + "." + _encoded([1]) + "." + signature,
        "a time beyond all calendars": apple.chain.jws({**fields, "signedDate": 10**30}),
    }


async def test_forged_receipts(apple: LocalApple, store: AppStore) -> None:
    transaction_id = apple.sell()
    for what, jws in forged(apple, transaction_id).items():
        apple.asked.clear()
        with pytest.raises(ReceiptRefused):
            await store.look_up(jws)
        assert apple.asked == [], what
        answer_with(apple, jws)
        with pytest.raises(StoreUnavailable):
            await store.look_up(transaction_id)
    answer_with(apple, unsigned(apple.signed(transaction_id)))
    with pytest.raises(StoreUnavailable):
        await store.look_up(transaction_id)
    assert not store.recognises(Claim(unsigned(apple.signed(transaction_id))))


async def test_a_receipt_without_a_usable_id(apple: LocalApple, store: AppStore) -> None:
    transaction_id = apple.sell()
    for wrong in (None, "", "007", "1/../2", "１"):
        with pytest.raises(ReceiptRefused):
            await store.look_up(apple.signed(transaction_id, transactionId=wrong))
    assert apple.asked == []


async def test_replayed_answers(apple: LocalApple, store: AppStore, caplog: pytest.LogCaptureFixture) -> None:
    """An answer about another transaction, or from before a refund, says nothing."""
    transaction_id, other = apple.sell(), apple.sell("700009876543210")
    days = dt.timedelta(days=1)
    for jws in (
        apple.signed(other),
        apple.signed(transaction_id, signedDate=milliseconds(dt.datetime.now(dt.UTC) - 2 * days)),
        apple.signed(transaction_id, signedDate=milliseconds(dt.datetime.now(dt.UTC) + 2 * days)),
        apple.signed(transaction_id, signedDate=None),
        # Valid on the day that it names, as a stolen key of an expired certificate could sign it.
        apple.signed(
            transaction_id,
            Chain(leaf_days=(-365, -5)),
            signedDate=milliseconds(dt.datetime.now(dt.UTC) - 10 * days),
        ),
    ):
        caplog.clear()
        answer_with(apple, jws)
        with pytest.raises(StoreUnavailable):
            await store.look_up(transaction_id)
        assert [record.message for record in caplog.records] == ["app_store_answer_refused"]
    assert (await store.look_up(transaction_id)).state is State.PAID


# ── the App Store is away, or refuses us ──


@pytest.mark.parametrize(
    "answer",
    [
        RATE_LIMIT,
        INTERNAL,
        (503, b"<html>"),
        (404, b"<html>a proxy"),
        (404, {"errorCode": 4040003, "errorMessage": "App not found."}),
        (404, {"errorCode": 4040002, "errorMessage": "Account not found. Please try again."}),
        (404, {"errorCode": 4040006, "errorMessage": "Original transaction id not found. Please try again."}),
        (400, {"errorCode": 4000002, "errorMessage": "Invalid request app identifier."}),
        (403, b""),
        (500, UNKNOWN[1]),
        (200, b""),
        (200, b"{}"),
        (200, b"null"),
        (200, b"[" * 200_000),
        (200, {"signedTransactionInfo": 1}),
    ],
    ids=lambda answer: f"{answer[0]} {str(answer[1])[:40]}",
)
async def test_errors_that_pass(apple: LocalApple, store: AppStore, answer: tuple[int, Any]) -> None:
    transaction_id = apple.sell()
    apple.answers = [answer]
    with pytest.raises(StoreUnavailable):
        await store.look_up(transaction_id)
    assert (await store.look_up(transaction_id)).state is State.PAID


async def test_a_huge_answer(apple: LocalApple, store: AppStore) -> None:
    transaction_id = apple.sell()
    body = json.dumps({"signedTransactionInfo": apple.signed(transaction_id)}).encode()
    apple.answers = [(200, b" " * LARGEST_ANSWER + body), (200, b" " * (LARGEST_ANSWER - len(body)) + body)]
    with pytest.raises(StoreUnavailable):
        await store.look_up(transaction_id)
    assert (await store.look_up(transaction_id)).state is State.PAID, "the largest that is read"


async def test_a_connection_that_is_cut(apple: LocalApple, store: AppStore) -> None:
    transaction_id = apple.sell()
    apple.cuts = True
    with pytest.raises(StoreUnavailable):
        await store.look_up(transaction_id)


async def test_redirects_are_not_followed(apple: LocalApple, store: AppStore) -> None:
    async with local_apple() as other:
        transaction_id = apple.sell()
        other.transactions = apple.transactions
        apple.moved_to = other.url
        with pytest.raises(StoreUnavailable):
            await store.look_up(transaction_id)
        assert (apple.asked, other.asked) == ([transaction_id], [])


async def test_a_slow_store(apple: LocalApple, store: AppStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "LOOK_UP_S", 0.05)
    transaction_id = apple.sell()
    apple.may_answer.clear()
    with pytest.raises(StoreUnavailable):
        await store.look_up(transaction_id)
    monkeypatch.undo()
    apple.may_answer.set()
    assert (await store.look_up(transaction_id)).state is State.PAID


async def test_a_store_that_is_down(
    apple: LocalApple, session: aiohttp.ClientSession, tmp_path: Path, unused_tcp_port: int
) -> None:
    store = opened(apple.settings(tmp_path, url=f"http://127.0.0.1:{unused_tcp_port}"), session)
    with pytest.raises(StoreUnavailable):
        await store.look_up("700001234567890")


async def test_a_wrong_key_names_its_settings(
    apple: LocalApple, store: AppStore, caplog: pytest.LogCaptureFixture
) -> None:
    transaction_id = apple.sell()
    apple.key = ec_key("rolled")
    with pytest.raises(StoreUnavailable):
        await store.look_up(transaction_id)
    record = caplog.records[-1]
    assert (record.levelno, record.message) == (logging.ERROR, "app_store_refuses_the_key")
    assert "LIVE_STORES_APPLE_PRIVATE_KEY_FILE" in record.__dict__["settings"]
    assert "Bearer" not in str(record.__dict__)


async def test_many_at_once(apple: LocalApple, store: AppStore) -> None:
    ids = [apple.sell(f"7000012345678{number}") for number in range(100, 140)]
    found = await asyncio.gather(*map(store.look_up, ids))
    assert [transaction.transaction_id for transaction in found] == ids


# ── notifications ──


@pytest.mark.parametrize("kind", ["ONE_TIME_CHARGE", "REFUND", "REFUND_REVERSED", "REFUND_DECLINED", "REVOKE"])
async def test_a_notification_of_a_change(apple: LocalApple, store: AppStore, kind: str) -> None:
    body = apple.notification(kind, apple.sell())
    (notice,) = await store.notices(Message({}, body))
    assert (notice.kind, notice.reference) == (NoticeKind.CHANGED, "700001234567890")
    assert await store.notices(Message({}, body)) == (notice,), "the same one again has the same id"
    (another,) = await store.notices(Message({}, apple.notification(kind, notice.reference)))
    assert another.id != notice.id
    assert apple.asked == [], "a notification is a hint: no call to the API"


async def test_other_notifications_are_ignored(apple: LocalApple, store: AppStore) -> None:
    coins = apple.sell()
    subscription = apple.sell("700002", type="Auto-Renewable Subscription")
    for body in (
        apple.notification("TEST"),
        apple.notification("DID_RENEW", subscription),
        apple.notification("REFUND", subscription),
        apple.notification("SOMETHING_NEW", coins),
        apple.notification("REFUND"),
    ):
        assert await store.notices(Message({}, body)) == ()


async def refuses(store: AppStore, body: bytes) -> bool:
    try:
        await store.notices(Message({}, body))
    except NotificationRefused:
        return True
    return False


async def test_refused_notifications(apple: LocalApple, store: AppStore) -> None:
    transaction_id = apple.sell()
    of_another = apple.sell("700003", bundleId="com.example.other")
    of_the_sandbox = apple.sell("700004", environment="Sandbox")
    good = apple.notification("REFUND", transaction_id)
    signed = json.loads(good)["signedPayload"]
    bad = {
        "no JSON": b"\xff",
        "nothing": b"",
        "a list": b"[]",
        "deep nesting": b'{"a":' + b"[" * 100_000,
        "no payload": b"{}",
        "a number": b'{"signedPayload": 1}',
        "no Unicode": b'{"signedPayload": "\xff"}',
        "no JWS": b'{"signedPayload": "a.b.c"}',
        "a huge JWS": apple.notification("REFUND", transaction_id, padding="x" * 70_000),
        "an altered payload": json.dumps({"signedPayload": altered(signed, notificationType="REVOKE")}).encode(),
        "alg none": json.dumps({"signedPayload": unsigned(signed)}).encode(),
        "the transaction alone": json.dumps({"signedPayload": apple.signed(transaction_id)}).encode(),
        "another app": apple.notification("REFUND", transaction_id, bundleId="com.example.other"),
        "another Apple ID": apple.notification("REFUND", transaction_id, appAppleId=APP_ID + 1),
        "the sandbox": apple.notification("REFUND", transaction_id, environment="Sandbox"),
        "a test of the sandbox": apple.notification("TEST", environment="Sandbox"),
        "a transaction of another app": apple.notification("REFUND", of_another),
        "a transaction of the sandbox": apple.notification("REFUND", of_the_sandbox),
        "an altered transaction": apple.notification(
            "REFUND", signedTransactionInfo=altered(apple.signed(transaction_id), transactionId="700009")
        ),
        "an unsigned transaction": apple.notification(
            "REFUND", signedTransactionInfo=unsigned(apple.signed(transaction_id))
        ),
        "a transaction that Mallory signed": apple.notification(
            "REFUND", signedTransactionInfo=apple.signed(transaction_id, Chain("Mallory"))
        ),
        **{why: apple.notification("REFUND", transaction_id, chain) for why, chain in WRONG_CHAINS.items()},
    }
    taken = {what for what, body in bad.items() if not await refuses(store, body)}
    assert taken == set()
    assert len(await store.notices(Message({}, good))) == 1


# ── consumption ──


async def asked(apple: LocalApple, store: AppStore) -> Notice:
    (notice,) = await store.notices(Message({}, apple.notification("CONSUMPTION_REQUEST", apple.sell())))
    assert notice.kind is NoticeKind.CONSUMPTION_ASKED
    return notice


async def test_without_consent_apple_gets_no_answer(apple: LocalApple, store: AppStore) -> None:
    assert isinstance(store, AsksConsumption)
    await store.answer_consumption(await asked(apple, store), Consumption(delivered=True, coins=100, spent=40))
    assert apple.asked == []


@pytest.mark.parametrize(
    ("facts", "answer"),
    [
        (Consumption(delivered=True, coins=300, spent=100), ("DELIVERED", 33_333)),
        (Consumption(delivered=True, coins=100, spent=100), ("DELIVERED", 100_000)),
        (Consumption(delivered=True, coins=100, spent=0), ("DELIVERED", 0)),
        (Consumption(delivered=False, coins=100, spent=100), ("UNDELIVERED_OTHER", 0)),
        (Consumption(delivered=False, coins=0, spent=0), ("UNDELIVERED_OTHER", 0)),
    ],
)
async def test_the_answer_to_apples_question(
    apple: LocalApple, session: aiohttp.ClientSession, tmp_path: Path, facts: Consumption, answer: tuple[str, int]
) -> None:
    store = opened(apple.settings(tmp_path, consumption_consent=True), session)
    notice = await asked(apple, store)
    await store.answer_consumption(notice, facts)
    ((transaction_id, body),) = apple.consumption
    assert transaction_id == notice.reference
    assert (body["deliveryStatus"], body["consumptionPercentage"]) == answer
    assert "refundPreference" not in body


async def test_an_answer_that_apple_refuses_or_cannot_take(
    apple: LocalApple, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    store = opened(apple.settings(tmp_path, consumption_consent=True), session)
    notice, facts = await asked(apple, store), Consumption(delivered=True, coins=1, spent=1)
    apple.answers = [INTERNAL, RATE_LIMIT]
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await store.answer_consumption(notice, facts)
    apple.answers = [UNKNOWN, (400, {"errorCode": 4000047, "errorMessage": "Invalid request."})]
    for _ in range(2):
        await store.answer_consumption(notice, facts)  # final: a retry would change nothing
    assert apple.consumption == []
    await store.answer_consumption(notice, facts)
    assert len(apple.consumption) == 1


# ── settings ──


def test_no_bundle_id_is_no_app_store(session: aiohttp.ClientSession) -> None:
    assert open_apple(Apple(), session) is None


def _pem(key: Any, encryption: Any = None) -> bytes:
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())
    return pem


async def test_wrong_settings_stop_the_start(apple: LocalApple, session: aiohttp.ClientSession, tmp_path: Path) -> None:
    good = apple.settings(tmp_path)
    key, p384 = ec_key("x"), ec.generate_private_key(ec.SECP384R1())
    files = {
        "rsa": _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        "p384": _pem(p384),
        "encrypted": _pem(key, BestAvailableEncryption(b"password")),
        "public": apple.chain.root(Encoding.PEM),
        "empty": b"",
        "half": _pem(key)[:100],
        "leaf.pem": b"-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n",
    }
    for name, contents in files.items():
        (tmp_path / name).write_bytes(contents)
    leaf = tmp_path / "leaf.cer"
    leaf.write_bytes(Chain().leaf.public_bytes(Encoding.DER))
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("ISSUER_ID", {"issuer_id": ""}),
        ("KEY_ID", {"key_id": ""}),
        ("APP_ID", {"app_id": 0}),
        ("PRIVATE_KEY_FILE", {"private_key_file": ""}),
        ("PRIVATE_KEY_FILE", {"private_key_file": str(tmp_path / "none")}),
        ("PRIVATE_KEY_FILE", {"private_key_file": str(tmp_path)}),
        *[("PRIVATE_KEY_FILE", {"private_key_file": str(tmp_path / name)}) for name in files],
        ("ROOT_CERTIFICATES", {"root_certificates": ()}),
        ("ROOT_CERTIFICATES", {"root_certificates": (*good.root_certificates, str(tmp_path / "none"))}),
        *[("ROOT_CERTIFICATES", {"root_certificates": (str(tmp_path / name),)}) for name in ("half", "empty")],
        ("ROOT_CERTIFICATES", {"root_certificates": (str(tmp_path / "leaf.pem"),)}),
        ("ROOT_CERTIFICATES", {"root_certificates": (str(leaf),)}),
    ]
    for variable, changes in wrong:
        with pytest.raises(UnusableAppStore) as refused:
            open_apple(replace(good, **changes), session)
        assert refused.value.kind is ErrorKind.STOPS
        assert f"LIVE_STORES_APPLE_{variable}" in str(refused.value), changes
        assert "PRIVATE KEY" not in str(refused.value)


async def test_without_the_library(
    apple: LocalApple, session: aiohttp.ClientSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an extra, and is imported only when the App Store is configured."""
    monkeypatch.setitem(sys.modules, "appstoreserverlibrary.models.Environment", None)
    assert open_apple(Apple(), session) is None
    with pytest.raises(UnusableAppStore, match="the extra `apple`"):
        open_apple(apple.settings(tmp_path), session)


async def test_root_certificates_in_pem(apple: LocalApple, session: aiohttp.ClientSession, tmp_path: Path) -> None:
    """One file with several, of which one is ours."""
    file = tmp_path / "roots.pem"
    file.write_bytes(Chain("Other").root(Encoding.PEM) + apple.chain.root(Encoding.PEM))
    store: Store = opened(apple.settings(tmp_path, root_certificates=(str(file),)), session)
    assert store.name == "apple"
    assert (await store.look_up(apple.sell())).state is State.PAID
