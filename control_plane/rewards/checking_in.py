"""Checking in: once per user and day (UTC), with the coins that the installation gives for it. The database holds both
the uniqueness and a limit of all rewards per user and day (0029_rewards_and_history.sql)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from control_plane.base.clock import utc_now
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.ledger.account import REWARDS, TransferId, accounts_of, reward
from control_plane.ledger.store import open_accounts
from control_plane.ledger.transfers import Operation, Request, fingerprint, hold, post
from control_plane.rewards import store
from control_plane.rewards.model import CheckedInBefore, Checkin, Checkins

LONGEST_LIST = 31
"""Check-ins in a list: a month, as a calendar on a phone shows it."""


class CheckingIn:
    """`coins`: for each check-in. 0: check-ins are recorded, and give nothing."""

    def __init__(self, database: Database, coins: int, now: Callable[[], dt.datetime] = utc_now) -> None:
        self._database = database
        self._now = now
        self.coins = coins

    async def check_in(self, user_id: UserId) -> Checkin:
        """Raises CheckedInBefore, and TooManyCoins."""
        today = self._now().date()
        async with self._database.transaction() as connection:
            transfer_id = await self._reward(connection, user_id, today) if self.coins else None
            checkin = await store.add(connection, user_id, today, self.coins, transfer_id)
            if checkin is None:  # raising rolls the transfer back
                raise CheckedInBefore
        return checkin

    async def checkins(self, user_id: UserId) -> Checkins:
        return Checkins(await store.latest(self._database, user_id, LONGEST_LIST), self._now().date())

    async def _reward(self, connection: Connection, user_id: UserId, today: dt.date) -> TransferId:
        await open_accounts(connection, [reward(user_id)])
        day = today.isoformat()
        request = Request(
            user_id, Operation.REWARD, f"check-in {day}", fingerprint(checkin=day), note=f"check-in of {day}"
        )
        held = await hold(connection, request, accounts_of(user_id))
        if held.repeats is not None:
            raise CheckedInBefore
        return (await post(connection, held, {REWARDS: -self.coins, reward(user_id): self.coins})).transfer_id
