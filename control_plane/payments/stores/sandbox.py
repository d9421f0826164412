"""The store of development mode, without payment. Its signed receipt, `sandbox.<contents>.<signature>`, holds the whole
transaction as it was sold; the database holds what changed since. It takes the same way as real stores, with refunds and
notifications."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Sequence
from enum import StrEnum
from fractions import Fraction

import msgspec

from control_plane.base.clock import utc_now
from control_plane.base.signing import Keyring, base64url, from_base64url
from control_plane.db.pool import Database, DatabaseUnavailable
from control_plane.payments.errors import UnknownProduct
from control_plane.payments.sale import Product
from control_plane.payments.stores.model import (
    Claim,
    Message,
    Notice,
    NoticeKind,
    NotificationRefused,
    ReceiptRefused,
    State,
    StoreTransaction,
    StoreUnavailable,
)

LONGEST_RECEIPT = 1024
"""Characters of a sandbox receipt; longer text is refused before its signature is checked."""
SIGNATURE = "sandbox-signature"
"""Header of a notification."""

_CHANGED = "select state, refunded_coins from sandbox_transaction where transaction_id = $1"
_CHANGE = """
    insert into sandbox_transaction (transaction_id, state, refunded_coins) values ($1, $2, $3)
    on conflict (transaction_id) do update set state = excluded.state, refunded_coins = excluded.refunded_coins
"""


class Sold(StrEnum):
    """The state in which a receipt is sold."""

    PURCHASED = "purchased"
    PENDING = "pending"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"


_STATES = {Sold.PENDING: State.PENDING, Sold.CANCELLED: State.CANCELLED}


class _Receipt(msgspec.Struct, array_like=True, frozen=True):
    id: str
    account: str
    product_id: str
    coins: int
    state: State
    refunded_coins: int
    bought_at: dt.datetime
    quantity: int


class _Notification(msgspec.Struct, frozen=True):
    id: str
    transaction: str


def choose(products: Sequence[Product], product_id: str = "", coins: int | None = None) -> Product:
    """Find a product by its id, or without one by its number of coins. Raises UnknownProduct."""
    for product in products:
        if product.product_id == product_id or (not product_id and product.coins == coins):
            return product
    raise UnknownProduct


class SandboxReceipts:
    _prefix = "sandbox."

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._decoder = msgspec.json.Decoder(_Receipt)

    def sell(self, product: Product, account: str = "", sold: Sold = Sold.PURCHASED, quantity: int = 1) -> str:
        """A new receipt. The client presents it as the transaction id. `account`: of the buyer."""
        coins = product.coins * quantity
        receipt = _Receipt(
            id=secrets.token_urlsafe(12),
            account=account,
            product_id=product.product_id,
            coins=coins,
            state=_STATES.get(sold, State.PAID),
            refunded_coins=coins if sold is Sold.REFUNDED else 0,
            bought_at=utc_now(),
            quantity=quantity,
        )
        contents = base64url(msgspec.json.encode(receipt))
        return f"{self._prefix}{contents}.{self._keyring.signing.sign(_message(contents))}"

    def recognises(self, text: str) -> bool:
        return text.startswith(self._prefix)

    def open(self, text: str) -> _Receipt:
        """Raises ReceiptRefused."""
        contents, _, signature = text.removeprefix(self._prefix).partition(".")
        if len(text) > LONGEST_RECEIPT or not text.isascii():
            raise ReceiptRefused
        if not self._keyring.verify(signature, _message(contents)):
            raise ReceiptRefused
        try:
            return self._decoder.decode(from_base64url(contents))
        except (ValueError, msgspec.DecodeError):  # signed by a release with another receipt format
            raise ReceiptRefused from None


class SandboxStore:
    name = "sandbox"

    def __init__(self, keyring: Keyring, database: Database) -> None:
        self._keyring = keyring
        self._database = database
        self._notifications = msgspec.json.Decoder(_Notification)
        self.receipts = SandboxReceipts(keyring)

    def coins_of(self, reference: str) -> int:
        """The coins that were sold with this receipt. Raises ReceiptRefused."""
        return self.receipts.open(reference).coins

    async def change(self, reference: str, state: State = State.PAID, refunded_coins: int = 0) -> Message:
        """Change a sold transaction, and return the notification of it. Raises ReceiptRefused."""
        receipt = self.receipts.open(reference)
        await self._database.execute(_CHANGE, receipt.id, state.value, min(refunded_coins, receipt.coins))
        return self.notification(reference)

    def notification(self, reference: str) -> Message:
        body = msgspec.json.encode(_Notification(secrets.token_urlsafe(12), reference))
        return Message({SIGNATURE: self._keyring.signing.sign(_notice(body))}, body)

    def recognises(self, claim: Claim) -> bool:
        return self.receipts.recognises(claim.transaction_id)

    async def look_up(self, reference: str) -> StoreTransaction:
        receipt = self.receipts.open(reference)
        try:
            changed = await self._database.fetchrow(_CHANGED, receipt.id)
        except DatabaseUnavailable as error:
            raise StoreUnavailable from error
        refunded = receipt.refunded_coins if changed is None else changed["refunded_coins"]
        return StoreTransaction(
            transaction_id=receipt.id,
            product_id=receipt.product_id,
            state=receipt.state if changed is None else State(changed["state"]),
            bought_at=receipt.bought_at,
            quantity=receipt.quantity,
            account=receipt.account,
            refunded=Fraction(refunded, receipt.coins),
        )

    async def finish(self, transaction: StoreTransaction, reference: str) -> None:
        """It keeps nothing that has to be finished."""

    async def notices(self, message: Message) -> Sequence[Notice]:
        if not self._keyring.verify(message.headers.get(SIGNATURE, ""), _notice(message.body)):
            raise NotificationRefused("The notification is not signed by the sandbox store.")
        said = self._notifications.decode(message.body)
        return [Notice(said.id, NoticeKind.CHANGED, said.transaction)]


def _message(contents: str) -> bytes:
    """The encoded text itself is signed, so that no other encoding of the same content passes with the signature."""
    return b"sandbox/v2\0" + contents.encode()


def _notice(body: bytes) -> bytes:
    return b"sandbox-notice/v1\0" + body
