"""What a store is: it looks up transactions, and sends notifications. A client's claim alone never credits coins."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Protocol, runtime_checkable

from control_plane.base.errors import ControlPlaneError, ErrorKind

LOOK_UP_S = 10.0
"""Deadline of one question to a store. Longer: a purchase call waits longer for a slow store. Shorter: more purchases
are finished by the job instead of the call."""


class ReceiptRefused(ControlPlaneError):
    """The store does not know the transaction, or the receipt is forged, damaged or of another app."""

    code = "receipt_refused"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("The store does not confirm this purchase.")


class StoreUnavailable(ControlPlaneError):
    """The store did not answer in time, or cannot answer now. The question can be asked again later."""

    code = "store_unavailable"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("The store does not answer at the moment.")


class NotificationRefused(ControlPlaneError):
    """The notification is not signed by the store, or is not for this app."""

    code = "notification_refused"
    kind = ErrorKind.FORBIDDEN


@dataclass(frozen=True, slots=True)
class Claim:
    """A client's unverified claim of a purchase."""

    transaction_id: str
    """A transaction id, a purchase token or a whole receipt, as the app got it from the store."""
    device: str = ""


class State(StrEnum):
    PAID = "paid"
    """Paid at some time; see `refunded`."""
    PENDING = "pending"
    """Not paid yet."""
    CANCELLED = "cancelled"
    """Never paid, and never will be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreTransaction:
    """A transaction as its store describes it at the moment of the question."""

    transaction_id: str
    """The store's id, equal for every form in which a client can present the transaction."""
    product_id: str
    """The store's id of the product."""
    state: State
    bought_at: dt.datetime
    quantity: int = 1
    account: str = ""
    """Our id of the buyer, which the app gave to the store with the purchase (`control_plane/payments/store_accounts.py`).
    Empty: the store does not know."""
    refunded: Fraction = Fraction(0)
    """The share of the price that was given back, by a refund or a chargeback: 0 to 1."""


class NoticeKind(StrEnum):
    CHANGED = "changed"
    """Something about the transaction changed: look it up."""
    CONSUMPTION_ASKED = "consumption_asked"
    """The store asks how much of the purchase was used, before it decides about a refund (App Store)."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a notification says. It is only a hint: the store is asked for the transaction's state."""

    id: str
    """The notification's id. The same one can come several times."""
    kind: NoticeKind
    reference: str
    """What `look_up` takes."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request to `/stores/<name>`. Header names are in lower case."""

    headers: Mapping[str, str]
    body: bytes


class Store(Protocol):
    """A store that sells coins. Its name is kept in the purchases, so it must never change."""

    @property
    def name(self) -> str: ...

    def recognises(self, claim: Claim) -> bool:
        """Whether the claim has this store's format. Without I/O."""
        ...

    async def look_up(self, reference: str) -> StoreTransaction:
        """Ask the store, within LOOK_UP_S. `reference`: a claim's transaction id, or a notice's reference.

        Raises ReceiptRefused and StoreUnavailable.
        """
        ...

    async def finish(self, transaction: StoreTransaction, reference: str) -> None:
        """Tell the store that the coins are credited, after the credit is committed. It may be called several times for
        one transaction. Raises StoreUnavailable."""
        ...

    async def notices(self, message: Message) -> Sequence[Notice]:
        """Verify a notification and read it. Raises NotificationRefused, and StoreUnavailable if the keys that verify
        it cannot be fetched now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumption:
    """How much of a purchase was used. Prices are in hundredths of `currency`, over all purchases of the buyer."""

    delivered: bool
    """The coins were credited."""
    coins: int
    """Coins of this purchase."""
    spent: int
    """How many of them the buyer does not have any more."""
    account: str = ""
    """The transaction's own `account`."""
    account_since: dt.datetime | None = None
    """When the buyer registered. None: the buyer is not known."""
    bought_minor: int = 0
    refunded_minor: int = 0
    currency: str = ""


@runtime_checkable
class AsksConsumption(Protocol):
    """A store that asks how much of a purchase was used: a `Store` may have this method too."""

    async def answer_consumption(self, notice: Notice, facts: Consumption) -> None:
        """Answer a CONSUMPTION_ASKED notice. Raises StoreUnavailable."""
        ...


@runtime_checkable
class ListsRefunds(Protocol):
    """A store that lists what it refunded: a `Store` may have this method too."""

    async def voided(self, since: dt.datetime) -> Sequence[Notice]:
        """Notices of the transactions that were refunded or charged back since then, in whole or in part. One that was
        listed before has the same id. It may ask several times, each within LOOK_UP_S. Raises StoreUnavailable."""
        ...
