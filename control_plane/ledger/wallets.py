"""Wallets: the coins that users own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import msgspec

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.ledger import store
from control_plane.ledger.account import Account, bought, debt, earned, reward


class Wallet(msgspec.Struct, frozen=True):
    """A user's coins. Gifts spend rewards first, then bought coins. Only earned coins can be withdrawn."""

    bought: int = 0
    earned: int = 0
    reward: int = 0
    debt: int = 0
    """Coins owed, as a positive number. While there is debt, the user cannot send gifts and withdraw."""

    @property
    def total(self) -> int:
        """What the apps show as the balance."""
        return self.bought + self.earned + self.reward

    @classmethod
    def of(cls, user_id: UserId, balances: Mapping[Account, int]) -> Self:
        return cls(
            bought=balances.get(bought(user_id), 0),
            earned=balances.get(earned(user_id), 0),
            reward=balances.get(reward(user_id), 0),
            debt=-balances.get(debt(user_id), 0),
        )


async def wallet(source: Connection | Database, user_id: UserId) -> Wallet:
    return (await wallets(source, [user_id]))[user_id]


async def wallets(source: Connection | Database, user_ids: Sequence[UserId]) -> dict[UserId, Wallet]:
    """A wallet for each of these users; empty for a user who never had coins."""
    balances = await store.balances(source, user_ids)
    return {user_id: Wallet.of(user_id, balances) for user_id in user_ids}
