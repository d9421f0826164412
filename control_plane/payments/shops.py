"""Stores verify purchases. A client's claim alone never credits coins."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import msgspec

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.base.signing import Keyring, base64url, from_base64url
from control_plane.payments.sale import Package

LONGEST_RECEIPT = 1024
"""Characters of a sandbox receipt; longer text is refused before its signature is checked."""


class ReceiptRefused(ControlPlaneError):
    """The store does not know the transaction, or the receipt is forged or damaged."""

    code = "receipt_refused"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("The store does not confirm this purchase.")


class PurchasePending(ControlPlaneError):
    code = "purchase_pending"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("This purchase is not paid yet. The coins come when the store confirms the payment.")


class PurchaseRefunded(ControlPlaneError):
    code = "purchase_refunded"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("This purchase was refunded.")


@dataclass(frozen=True, slots=True)
class Claim:
    """A client's unverified claim of a purchase."""

    transaction_id: str
    """A transaction id or a whole receipt, as the app got it from the store."""
    device: str = ""


@dataclass(frozen=True, slots=True)
class VerifiedPurchase:
    transaction_id: str
    """The store's id of the transaction, equal for every form in which a client can present it."""
    product_id: str
    user_id: UserId | None
    """The buyer. None: the store does not know."""


class Shop(Protocol):
    """A store that verifies purchases. Its name is stored in the purchases, so it must never change."""

    @property
    def name(self) -> str: ...

    def recognises(self, claim: Claim) -> bool:
        """Whether the claim has this store's format."""
        ...

    async def verify(self, claim: Claim) -> VerifiedPurchase:
        """Ask the store, with a deadline. Raises ReceiptRefused, PurchasePending, PurchaseRefunded."""
        ...


class ReceiptState(StrEnum):
    PURCHASED = "purchased"
    PENDING = "pending"
    REFUNDED = "refunded"


class _Receipt(msgspec.Struct, array_like=True, frozen=True):
    id: str
    user_id: UserId
    product_id: str
    coins: int
    price_minor: int
    currency: str
    state: ReceiptState


class SandboxShop:
    """The store of development mode, without payment. Its signed receipt, `sandbox.<contents>.<signature>`, holds the
    whole transaction."""

    name = "sandbox"
    _prefix = "sandbox."

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._decoder = msgspec.json.Decoder(_Receipt)

    def issue(self, user_id: UserId, package: Package, state: ReceiptState = ReceiptState.PURCHASED) -> str:
        """A new receipt. The client presents it as the transaction id."""
        receipt = _Receipt(
            id=secrets.token_urlsafe(12),
            user_id=user_id,
            product_id=package.product_id,
            coins=package.coins,
            price_minor=package.price_minor,
            currency=package.currency,
            state=state,
        )
        contents = base64url(msgspec.json.encode(receipt))
        return f"{self._prefix}{contents}.{self._keyring.signing.sign(_message(contents))}"

    def recognises(self, claim: Claim) -> bool:
        return claim.transaction_id.startswith(self._prefix)

    async def verify(self, claim: Claim) -> VerifiedPurchase:
        receipt = self._open(claim.transaction_id)
        if receipt.state is ReceiptState.PENDING:
            raise PurchasePending
        if receipt.state is ReceiptState.REFUNDED:
            raise PurchaseRefunded
        return VerifiedPurchase(receipt.id, receipt.product_id, receipt.user_id)

    def _open(self, text: str) -> _Receipt:
        contents, _, signature = text.removeprefix(self._prefix).partition(".")
        if len(text) > LONGEST_RECEIPT or not text.isascii():
            raise ReceiptRefused
        if not self._keyring.verify(signature, _message(contents)):
            raise ReceiptRefused
        try:
            return self._decoder.decode(from_base64url(contents))
        except (ValueError, msgspec.DecodeError):  # signed by a release with another receipt format
            raise ReceiptRefused from None


def _message(contents: str) -> bytes:
    """The encoded text itself is signed, so that no other encoding of the same content passes with the signature."""
    return b"sandbox/v1\0" + contents.encode()
