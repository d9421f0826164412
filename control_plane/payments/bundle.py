"""The payment services that endpoints use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.db.remembered import Remembered
from control_plane.payments.connected import ConnectedStores
from control_plane.payments.due import DuePurchases
from control_plane.payments.metrics import PurchaseMetrics
from control_plane.payments.notifications import Notifications
from control_plane.payments.purchases import Purchases
from control_plane.payments.sale import Package
from control_plane.payments.store_accounts import StoreAccounts
from control_plane.payments.stores.sandbox import SandboxStore
from control_plane.payments.stores.stripe import model as stripe
from control_plane.payments.stores.stripe.model import CardSales, SellsByCard


@dataclass(frozen=True, slots=True)
class Payments:
    packages: Remembered[Sequence[Package]]
    """The coin packages on sale."""
    stores: ConnectedStores
    accounts: StoreAccounts
    purchases: Purchases
    notifications: Notifications
    due: DuePurchases
    metrics: PurchaseMetrics
    sandbox: SandboxStore | None
    """The sandbox store of development mode. None in production."""

    @property
    def card_sales(self) -> CardSales | None:
        """Payments that this server takes itself. None: Stripe is not set up."""
        store = self.stores.named(stripe.NAME)
        return store.sales if isinstance(store, SellsByCard) else None
