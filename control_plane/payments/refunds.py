"""Asks stores for their lists of refunds, as a safety net: a store's notifications may be set up late, or not arrive."""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass

from control_plane.base.clock import utc_now
from control_plane.db.pool import Database
from control_plane.jobs.kind import job
from control_plane.payments import notifications_store
from control_plane.payments.connected import ConnectedStores
from control_plane.payments.stores.model import ListsRefunds, StoreUnavailable

log = logging.getLogger(__name__)

OFTEN = dt.timedelta(hours=3)
"""What the hourly job asks for. Longer: longer lists. Shorter: after an hour without the store or this server, a refund is
found by the daily job."""
ALL = dt.timedelta(days=30)
"""What the daily job asks for. Google lists no older refunds."""


@dataclass(frozen=True, slots=True)
class Refunds:
    database: Database
    stores: ConnectedStores

    async def find(self, span: dt.timedelta) -> None:
        """Keep a notice of each refund. `settle_purchases` processes those that are new."""
        for name in self.stores.names:
            store = self.stores.named(name)
            if store is None or not isinstance(store, ListsRefunds):
                continue
            try:
                notices = await store.voided(utc_now() - span)
            except StoreUnavailable:
                log.warning("refunds_not_listed", extra={"store": name})
                continue
            async with self.database.transaction() as connection:
                await notifications_store.keep(connection, name, notices)


@job(every="17 * * * *")
async def find_refunds(refunds: Refunds) -> None:
    await refunds.find(OFTEN)


@job(every="23 4 * * *")
async def find_all_refunds(refunds: Refunds) -> None:
    await refunds.find(ALL)
