"""What we write on Stripe's objects as metadata, to know our own among those of other apps of the same Stripe account.
Only holders of the account's secret keys can write metadata; buyers do not see it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from control_plane.base.errors import require
from control_plane.payments.sale import Product
from control_plane.payments.stores.stripe.currencies import stripe_amount

_PRODUCT, _ACCOUNT, _AMOUNT, _CURRENCY, _OFFERED_AT = (
    f"stagedoor_{name}" for name in ("product", "account", "amount", "currency", "offered_at")
)


@dataclass(frozen=True, slots=True)
class Marks:
    """The terms of one sale."""

    product_id: str
    account: str
    """Our id of the buyer (`control_plane/payments/store_accounts.py`)."""
    amount: int
    """In the smallest unit of the currency."""
    currency: str
    """In lower case."""
    offered_at: dt.datetime | None = None
    """When a checkout was started; the buyer pays later, for the terms of this moment. None: paid by card token, at
    once."""

    @classmethod
    def of(cls, package: Product, account: str, offered_at: dt.datetime | None = None) -> Marks:
        require(bool(account), "a sale has a buyer")
        amount, currency = stripe_amount(package.price_minor, package.currency), package.currency.lower()
        return cls(package.product_id, account, amount, currency, offered_at)

    @classmethod
    def read(cls, metadata: Mapping[str, Any] | None) -> Marks | None:
        """None: not ours."""
        if not metadata or not (metadata.get(_PRODUCT) and metadata.get(_ACCOUNT)):
            return None
        try:
            offered_at = metadata.get(_OFFERED_AT)
            return cls(
                str(metadata[_PRODUCT]),
                str(metadata[_ACCOUNT]),
                int(metadata[_AMOUNT]),
                str(metadata[_CURRENCY]),
                dt.datetime.fromisoformat(offered_at) if offered_at else None,
            )
        except (KeyError, ValueError):  # edited by hand
            return None

    @property
    def metadata(self) -> dict[str, str]:
        written = {
            _PRODUCT: self.product_id,
            _ACCOUNT: self.account,
            _AMOUNT: str(self.amount),
            _CURRENCY: self.currency,
        }
        if self.offered_at is not None:
            written[_OFFERED_AT] = self.offered_at.isoformat()
        return written

    @property
    def by_checkout(self) -> bool:
        return self.offered_at is not None


def are_ours(metadata: Mapping[str, Any] | None) -> bool:
    return Marks.read(metadata) is not None
