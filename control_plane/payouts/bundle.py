"""The services of payouts that endpoints and pages use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.payouts import store
from control_plane.payouts.details import PayoutDetails
from control_plane.payouts.model import Payout
from control_plane.payouts.sealing import Sealer
from control_plane.payouts.withdrawing import Withdrawing


@dataclass(frozen=True, slots=True)
class Payouts:
    database: Database
    details: PayoutDetails
    withdrawing: Withdrawing
    sealer: Sealer

    async def of_user(self, user_id: UserId, limit: int, offset: int) -> Sequence[Payout]:
        """The user's requests, newest first."""
        return await store.of_user(self.database, user_id, limit, offset)
