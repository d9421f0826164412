"""Stores: who says that coins were paid for. A client's claim alone never credits anything."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import msgspec

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.config.secrets import Keyring, Secret
from control_plane.payments.sale import Package

LONGEST_RECEIPT = 1024


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
    """What a client says that it bought. Nothing of it is believed."""

    transaction_id: str
    """An id or a whole receipt, as the store gave it to the app."""
    device: str = ""


@dataclass(frozen=True, slots=True)
class VerifiedPurchase:
    transaction_id: str
    """The store's own id of it: the same for each form in which it can be presented."""
    product_id: str
    user_id: UserId | None
    """Whom it was sold to, where the store knows."""


class Shop(Protocol):
    """A store's name stands in the purchases for ever."""

    @property
    def name(self) -> str: ...

    def recognises(self, claim: Claim) -> bool:
        """Whether the claim has the form of this store's purchases."""
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
    """Sells for nothing, in development mode. Its receipt, `sandbox.<contents>.<signature>`, holds all that it knows."""

    name = "sandbox"
    _prefix = "sandbox."

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._decoder = msgspec.json.Decoder(_Receipt)

    def issue(self, user_id: UserId, package: Package, state: ReceiptState = ReceiptState.PURCHASED) -> str:
        """A new receipt, to be presented as the transaction id."""
        receipt = _Receipt(
            id=secrets.token_urlsafe(12),
            user_id=user_id,
            product_id=package.product_id,
            coins=package.coins,
            price_minor=package.price_minor,
            currency=package.currency,
            state=state,
        )
        contents = _text(msgspec.json.encode(receipt))
        return f"{self._prefix}{contents}.{_sign(self._keyring.signing, contents)}"

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
        if len(text) > LONGEST_RECEIPT or not text.isascii() or not signature:
            raise ReceiptRefused
        secret = self._keyring.get(signature[0])
        if secret is None or not hmac.compare_digest(signature, _sign(secret, contents)):
            raise ReceiptRefused
        try:
            return self._decoder.decode(base64.urlsafe_b64decode(contents + "=" * (-len(contents) % 4)))
        except (binascii.Error, msgspec.DecodeError):  # signed by a release whose receipts were different
            raise ReceiptRefused from None


def _sign(secret: Secret, contents: str) -> str:
    """Over the text as it is presented, so that no other text passes with the same signature."""
    digest = hmac.new(secret.value, b"sandbox/v1\0" + contents.encode(), hashlib.sha256).digest()
    return secret.key_id + _text(digest)


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
