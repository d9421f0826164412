from __future__ import annotations

import base64
import hashlib
import hmac
import json
from fractions import Fraction

import pytest

from control_plane.base.signing import Keyring, Secret
from control_plane.db.pool import Database
from control_plane.payments.sale import Product
from control_plane.payments.stores.model import (
    Claim,
    Message,
    NotificationRefused,
    ReceiptRefused,
    State,
)
from control_plane.payments.stores.sandbox import SIGNATURE, SandboxReceipts, SandboxStore, Sold

ACCOUNT = "6b1f1e0a-0000-4000-8000-000000000007"
PRODUCT = Product(1, "coins_100", "100 coins", 100, 99, "USD")
OLD, NEW = Secret("o", b"o" * 32), Secret("n", b"n" * 32)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture
def receipts() -> SandboxReceipts:
    return SandboxReceipts(Keyring((NEW, OLD)))


@pytest.fixture
def store(database: Database) -> SandboxStore:
    return SandboxStore(Keyring((NEW, OLD)), database)


def parts(receipt: str) -> tuple[str, str]:
    contents, signature = receipt.removeprefix("sandbox.").split(".")
    return contents, signature


async def test_a_receipt_says_what_was_sold_to_whom(store: SandboxStore) -> None:
    receipt = store.receipts.sell(PRODUCT, ACCOUNT, quantity=3)

    sold = await store.look_up(receipt)

    assert receipt.startswith("sandbox.")
    assert (sold.product_id, sold.account, sold.quantity, sold.state) == ("coins_100", ACCOUNT, 3, State.PAID)


def test_every_receipt_is_another_transaction(receipts: SandboxReceipts) -> None:
    ids = {receipts.open(receipts.sell(PRODUCT)).id for _ in range(10)}

    assert len(ids) == 10


def test_a_receipt_outlives_the_rotation_of_the_secret(receipts: SandboxReceipts) -> None:
    receipt = SandboxReceipts(Keyring((OLD,))).sell(PRODUCT, ACCOUNT)

    assert receipts.open(receipt).account == ACCOUNT


@pytest.mark.parametrize(
    ("sold", "state", "refunded"),
    [(Sold.PENDING, State.PENDING, 0), (Sold.CANCELLED, State.CANCELLED, 0), (Sold.REFUNDED, State.PAID, 1)],
)
async def test_a_receipt_can_be_sold_in_each_state(
    store: SandboxStore, sold: Sold, state: State, refunded: int
) -> None:
    answer = await store.look_up(store.receipts.sell(PRODUCT, ACCOUNT, sold))

    assert (answer.state, answer.refunded) == (state, Fraction(refunded))


async def test_what_changed_since_the_sale_is_told_and_kept(store: SandboxStore, database: Database) -> None:
    receipt = store.receipts.sell(PRODUCT, ACCOUNT, Sold.PENDING)

    (paid,) = await store.notices(await store.change(receipt))
    assert (await store.look_up(paid.reference)).refunded == 0
    (refunded,) = await store.notices(await store.change(receipt, refunded_coins=25))
    assert paid.id != refunded.id
    again = SandboxStore(Keyring((NEW,)), database)
    assert (await again.look_up(refunded.reference)).refunded == Fraction(1, 4)
    await store.change(receipt, refunded_coins=1000)
    assert (await store.look_up(receipt)).refunded == 1


async def test_a_notification_that_is_not_signed_is_refused(store: SandboxStore) -> None:
    message = store.notification(store.receipts.sell(PRODUCT))
    forged = Message({SIGNATURE: message.headers[SIGNATURE]}, message.body + b" ")

    for other in (forged, Message({}, message.body), Message({}, b"")):
        with pytest.raises(NotificationRefused):
            await store.notices(other)


def test_a_receipt_signed_with_another_secret_is_refused(receipts: SandboxReceipts) -> None:
    forged = SandboxReceipts(Keyring((Secret("n", b"guessed" * 5),))).sell(PRODUCT)

    with pytest.raises(ReceiptRefused):
        receipts.open(forged)


def test_a_pending_receipt_cannot_be_made_a_paid_one(receipts: SandboxReceipts) -> None:
    contents, signature = parts(receipts.sell(PRODUCT, ACCOUNT, Sold.PENDING))
    fields = json.loads(base64.urlsafe_b64decode(contents + "=" * (-len(contents) % 4)))
    paid = json.dumps(["paid" if field == "pending" else field for field in fields]).encode()

    with pytest.raises(ReceiptRefused):
        receipts.open(f"sandbox.{base64.urlsafe_b64encode(paid).decode().rstrip('=')}.{signature}")


def test_no_other_text_passes_for_the_same_receipt(receipts: SandboxReceipts) -> None:
    """Else the last characters' unused bits would make several transactions of one."""
    receipt = receipts.sell(PRODUCT)
    contents, signature = parts(receipt)
    others = [f"{receipt}=", f"{receipt} ", f"sandbox.{contents}=.{signature}", f"sandbox.{contents}.{signature}."]
    others += [f"sandbox.{contents[:-1]}{c}.{signature}" for c in ALPHABET if c != contents[-1]]
    others += [f"sandbox.{contents}.{signature[:-1]}{c}" for c in ALPHABET if c != signature[-1]]

    for other in others:
        with pytest.raises(ReceiptRefused):
            receipts.open(other)


@pytest.mark.parametrize(
    "text",
    ["sandbox.", "sandbox..", "sandbox.abc", "sandbox.abc.", "sandbox.abc.ndef", "sandbox.é.né", "sandbox.a\0.n", "x"],
)
def test_what_is_no_receipt_is_refused(receipts: SandboxReceipts, text: str) -> None:
    with pytest.raises(ReceiptRefused):
        receipts.open(text)


@pytest.mark.parametrize("contents", [b"[]", b"{", b'["id", 7]', b"\xff"])
def test_a_signed_receipt_of_another_form_is_refused(receipts: SandboxReceipts, contents: bytes) -> None:
    text = base64.urlsafe_b64encode(contents).decode().rstrip("=")
    digest = hmac.new(NEW.value, b"sandbox/v2\0" + text.encode(), hashlib.sha256).digest()
    signature = NEW.key_id + base64.urlsafe_b64encode(digest).decode().rstrip("=")

    with pytest.raises(ReceiptRefused):
        receipts.open(f"sandbox.{text}.{signature}")


def test_an_endless_receipt_is_refused(receipts: SandboxReceipts) -> None:
    with pytest.raises(ReceiptRefused):
        receipts.open("sandbox." + "a" * 5_000_000 + ".n")


def test_only_its_own_receipts_are_recognised(store: SandboxStore) -> None:
    assert store.recognises(Claim(store.receipts.sell(PRODUCT)))
    assert not store.recognises(Claim("2000000123456789"))
    assert not store.recognises(Claim(""))
