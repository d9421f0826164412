"""Requests for a payout: earned coins are reserved, in one transaction with the request.

Lock order: the user's ledger accounts, the user's row, the payout details, the request.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from control_plane.accounts.age import Activity, Ages
from control_plane.accounts.sessions import AccountBlocked
from control_plane.accounts.user import UserNotFound
from control_plane.base.clock import Clock, utc_now
from control_plane.base.errors import present
from control_plane.base.ids import UserId
from control_plane.base.shared_calls import SharedCalls
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.ledger import store as ledger
from control_plane.ledger.account import LARGEST_AMOUNT, PAYOUT_RESERVED, accounts_of, earned
from control_plane.ledger.transfers import Held, InDebt, Operation, Request, fingerprint, hold, key_of, post
from control_plane.ledger.wallets import Wallet, wallet
from control_plane.payouts import store
from control_plane.payouts.model import (
    AlreadyRequested,
    Details,
    InvalidCoins,
    NoPayoutDetails,
    NotWithdrawable,
    Payout,
    PayoutOnHold,
    Terms,
    TooFewCoins,
)


@dataclass(frozen=True, slots=True)
class Earnings:
    """What a user can withdraw."""

    earned: int
    withdrawable: int
    fresh: int
    """Earned too recently to be withdrawn."""
    worth: Decimal
    """Of the withdrawable coins."""
    details: Details | None
    held_until: dt.datetime | None
    """No payout until then, because the address was changed."""
    open_payout: Payout | None


class Withdrawing:
    def __init__(self, database: Database, terms: Terms, ages: Ages, clock: Clock = utc_now) -> None:
        self._database = database
        self.terms = terms
        self._ages = ages
        self._clock = clock
        self._under_way = SharedCalls[tuple[UserId, int | None], Payout]()

    async def earnings(self, user_id: UserId) -> Earnings:
        owned = await wallet(self._database, user_id)
        fresh = await self._fresh(self._database, user_id)
        withdrawable = max(0, owned.earned - fresh)
        details = await store.details(self._database, user_id)
        return Earnings(
            owned.earned,
            withdrawable,
            fresh,
            self.terms.worth(withdrawable),
            details,
            self.terms.held_until(details, self._clock()),
            await store.open_of(self._database, user_id),
        )

    async def request(self, user_id: UserId, coins: int | None, client_ref: str | None = None) -> Payout:
        """Reserve earned coins for a payout to the user's address. `coins`: None, or as many as the whole wallet has:
        all that can be withdrawn. `client_ref`: a repeat has the first answer. Without it, equal requests that overlap
        share one answer.

        Raises AlreadyRequested, NoPayoutDetails, NotWithdrawable, TooFewCoins, PayoutOnHold, InvalidCoins, InDebt,
        AgeUnknown, TooYoung, AccountBlocked, UserNotFound, IdempotencyConflict and InvalidClientRef.
        """
        if coins is not None and not 0 < coins <= LARGEST_AMOUNT:
            raise InvalidCoins
        if client_ref is not None:
            return await self._request(user_id, coins, key_of(client_ref))
        return await self._under_way.run((user_id, coins), partial(self._request, user_id, coins, key_of(None)))

    async def _request(self, user_id: UserId, coins: int | None, key: str) -> Payout:
        request = Request(user_id, Operation.PAYOUT, key, fingerprint(coins=coins))
        async with self._database.transaction() as connection:
            await ledger.open_accounts(connection, [earned(user_id)])
            held = await hold(connection, request, accounts_of(user_id))
            if held.repeats is not None:
                return present(await store.by_transfer(connection, held.repeats), "a payout has a request")
            return await self._reserve(connection, held, user_id, coins)

    async def _reserve(self, connection: Connection, held: Held, user_id: UserId, coins: int | None) -> Payout:
        await self._check_user(connection, user_id)
        if await store.open_of(connection, user_id) is not None:
            raise AlreadyRequested
        owned = held.wallet(user_id)
        if owned.debt:
            raise InDebt(owned.debt)
        details = await store.lock_details(connection, user_id)
        if details is None:
            raise NoPayoutDetails
        now = self._clock()
        if until := self.terms.held_until(details, now):
            raise PayoutOnHold(until)
        reserved = self._coins(owned, await self._fresh(connection, user_id), coins)
        posted = await post(connection, held, {earned(user_id): -reserved, PAYOUT_RESERVED: reserved})
        worth = self.terms.worth(reserved)
        return await store.add(
            connection,
            user_id,
            reserved,
            self.terms.cash_per_coin,
            worth,
            self.terms.currency,
            details.address,
            posted.transfer_id,
            now,
        )

    async def _check_user(self, connection: Connection, user_id: UserId) -> None:
        user = await store.requester(connection, user_id)
        if user is None or user.deleted:
            raise UserNotFound
        if user.banned:
            raise AccountBlocked
        self._ages.check(Activity.BE_PAID, user.dob, self._clock().date())

    def _coins(self, owned: Wallet, fresh: int, coins: int | None) -> int:
        """How many coins are reserved."""
        withdrawable = min(max(0, owned.earned - fresh), LARGEST_AMOUNT)
        if coins is None or coins == owned.total:
            coins = withdrawable
        if coins > withdrawable or not withdrawable:
            raise NotWithdrawable(withdrawable, min(fresh, owned.earned))
        if coins < self.terms.least or not self.terms.worth(coins):
            raise TooFewCoins(self._least(), withdrawable)
        return coins

    def _least(self) -> int:
        """Fewest coins of a payout, which are worth a cent at least."""
        rate = self.terms.cash_per_coin
        of_a_cent = int(-(-Decimal("0.01") // rate)) if rate else 0
        return max(self.terms.least, of_a_cent)

    async def _fresh(self, source: Connection | Database, user_id: UserId) -> int:
        if not self.terms.hold:
            return 0
        return await ledger.earned_since(source, user_id, self._clock() - self.terms.hold)
