from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest

from control_plane.base.ids import UserId
from control_plane.base.signing import Keyring, Secret
from control_plane.payments.sale import Package
from control_plane.payments.shops import (
    Claim,
    PurchasePending,
    PurchaseRefunded,
    ReceiptRefused,
    ReceiptState,
    SandboxShop,
    VerifiedPurchase,
)

ANN = UserId(7)
PACKAGE = Package(1, "coins_100", "100 coins", 100, 99, "USD")
OLD, NEW = Secret("o", b"o" * 32), Secret("n", b"n" * 32)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture
def store() -> SandboxShop:
    return SandboxShop(Keyring((NEW, OLD)))


def parts(receipt: str) -> tuple[str, str]:
    contents, signature = receipt.removeprefix("sandbox.").split(".")
    return contents, signature


async def test_a_receipt_says_what_was_sold_to_whom(store: SandboxShop) -> None:
    receipt = store.issue(ANN, PACKAGE)

    verified = await store.verify(Claim(receipt))

    assert receipt.startswith("sandbox.")
    assert verified == VerifiedPurchase(verified.transaction_id, "coins_100", ANN)


async def test_every_receipt_is_another_transaction(store: SandboxShop) -> None:
    ids = {(await store.verify(Claim(store.issue(ANN, PACKAGE)))).transaction_id for _ in range(10)}

    assert len(ids) == 10


async def test_a_receipt_outlives_the_rotation_of_the_secret(store: SandboxShop) -> None:
    receipt = SandboxShop(Keyring((OLD,))).issue(ANN, PACKAGE)

    assert (await store.verify(Claim(receipt))).user_id == ANN


async def test_what_is_not_paid_is_refused(store: SandboxShop) -> None:
    with pytest.raises(PurchasePending):
        await store.verify(Claim(store.issue(ANN, PACKAGE, ReceiptState.PENDING)))
    with pytest.raises(PurchaseRefunded):
        await store.verify(Claim(store.issue(ANN, PACKAGE, ReceiptState.REFUNDED)))


async def test_a_receipt_signed_with_another_secret_is_refused(store: SandboxShop) -> None:
    forged = SandboxShop(Keyring((Secret("n", b"guessed" * 5),))).issue(ANN, PACKAGE)

    with pytest.raises(ReceiptRefused):
        await store.verify(Claim(forged))


async def test_a_pending_receipt_cannot_be_made_a_paid_one(store: SandboxShop) -> None:
    contents, signature = parts(store.issue(ANN, PACKAGE, ReceiptState.PENDING))
    fields = json.loads(base64.urlsafe_b64decode(contents + "=" * (-len(contents) % 4)))
    paid = json.dumps([*fields[:-1], "purchased"]).encode()

    with pytest.raises(ReceiptRefused):
        await store.verify(Claim(f"sandbox.{base64.urlsafe_b64encode(paid).decode().rstrip('=')}.{signature}"))


async def test_no_other_text_passes_for_the_same_receipt(store: SandboxShop) -> None:
    """Else the last characters' unused bits would make several transactions of one."""
    receipt = store.issue(ANN, PACKAGE)
    contents, signature = parts(receipt)
    others = [f"{receipt}=", f"{receipt} ", f"sandbox.{contents}=.{signature}", f"sandbox.{contents}.{signature}."]
    others += [f"sandbox.{contents[:-1]}{c}.{signature}" for c in ALPHABET if c != contents[-1]]
    others += [f"sandbox.{contents}.{signature[:-1]}{c}" for c in ALPHABET if c != signature[-1]]

    for other in others:
        with pytest.raises(ReceiptRefused):
            await store.verify(Claim(other))


@pytest.mark.parametrize(
    "text",
    ["sandbox.", "sandbox..", "sandbox.abc", "sandbox.abc.", "sandbox.abc.ndef", "sandbox.é.né", "sandbox.a\0.n", "x"],
)
async def test_what_is_no_receipt_is_refused(store: SandboxShop, text: str) -> None:
    with pytest.raises(ReceiptRefused):
        await store.verify(Claim(text))


@pytest.mark.parametrize("contents", [b"[]", b"{", b'["id", 7]', b"\xff"])
async def test_a_signed_receipt_of_another_form_is_refused(store: SandboxShop, contents: bytes) -> None:
    text = base64.urlsafe_b64encode(contents).decode().rstrip("=")
    digest = hmac.new(NEW.value, b"sandbox/v1\0" + text.encode(), hashlib.sha256).digest()
    signature = NEW.key_id + base64.urlsafe_b64encode(digest).decode().rstrip("=")

    with pytest.raises(ReceiptRefused):
        await store.verify(Claim(f"sandbox.{text}.{signature}"))


async def test_an_endless_receipt_is_refused(store: SandboxShop) -> None:
    with pytest.raises(ReceiptRefused):
        await store.verify(Claim("sandbox." + "a" * 5_000_000 + ".n"))


def test_only_its_own_receipts_are_recognised(store: SandboxShop) -> None:
    assert store.recognises(Claim(store.issue(ANN, PACKAGE)))
    assert not store.recognises(Claim("2000000123456789"))
    assert not store.recognises(Claim(""))
