"""Users with earnings, the services of payouts and an operator's desk, with settings that a test chooses."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import count

from control_plane.accounts.age import Ages
from control_plane.base.clock import utc_now
from control_plane.base.ids import UserId
from control_plane.base.signing import Keyring, Secret
from control_plane.db.pool import Database
from control_plane.ledger import amounts
from control_plane.ledger.account import accounts_of, earned, reward
from control_plane.ledger.adjustments import adjust
from control_plane.ledger.store import open_accounts
from control_plane.ledger.transfers import Operation, Request, fingerprint, hold, post
from control_plane.operations.audit import Actor
from control_plane.operations.payouts import PayoutDesk
from control_plane.payouts import store
from control_plane.payouts.addresses import parse_address
from control_plane.payouts.model import Details, Terms
from control_plane.payouts.sealing import Sealer
from control_plane.payouts.withdrawing import Withdrawing
from tests.control_plane.people import new_user

MAIL = "ann@example.com"
_keys = count(1)


class Till:
    def __init__(
        self,
        database: Database,
        *,
        least: int = 100,
        hold: dt.timedelta = dt.timedelta(0),
        change_hold: dt.timedelta = dt.timedelta(hours=72),
        two_operators_from: int = 0,
        rate: str = "0.005",
    ) -> None:
        self.database = database
        self.terms = Terms(Decimal(rate), "USD", least, hold, change_hold, two_operators_from)
        self.sealer = Sealer(Keyring((Secret("a", b"a" * 32),)))
        self.now: dt.datetime | None = None
        self.withdrawing = Withdrawing(database, self.terms, Ages(be_paid=18), self.clock)

    def clock(self) -> dt.datetime:
        return self.now or utc_now()

    def desk(self, operator: str = "olga") -> PayoutDesk:
        return PayoutDesk(self.database, self.terms, self.sealer, Actor(f"cli:{operator}"), self.clock)

    async def host(self, coins: int, address: str = MAIL, dob: str = "1990-05-17") -> UserId:
        """A new user with so many earned coins and an address. Empty: none."""
        user_id = await new_user(self.database, "host")
        await self.database.execute(
            "update app_user set dob = $2, email = username || '@example.com' where id = $1",
            user_id,
            dt.date.fromisoformat(dob) if dob else None,
        )
        if coins:
            await self.earn(user_id, coins)
        if address:
            await self.pays_to(user_id, address)
        return user_id

    def rotate(self, key_id: str) -> None:
        """Encrypt with a new secret from now on; the old ones still decrypt."""
        self.sealer = Sealer(Keyring((Secret(key_id, key_id.encode() * 32), *self.sealer.keyring.secrets)))

    async def pays_to(self, user_id: UserId, address: str, changed_at: dt.datetime | None = None) -> Details:
        sealed = self.sealer.seal(user_id, parse_address(address))
        async with self.database.transaction() as connection:
            if changed_at is None:
                return await store.set_details(connection, user_id, sealed, self.clock(), first=True)
            return await store.set_details(connection, user_id, sealed, changed_at, first=False)

    async def earn(self, user_id: UserId, coins: int) -> None:
        """A gift to the user."""
        fan = await new_user(self.database, "fan")
        await adjust(self.database, fan, coins, "start")
        request = Request(fan, Operation.GIFT, f"gift {next(_keys)}", fingerprint(coins=coins))
        async with self.database.transaction() as connection:
            await open_accounts(connection, [earned(user_id)])
            held = await hold(connection, request, [*accounts_of(fan), earned(user_id), reward(user_id)])
            await post(connection, held, amounts.gift(held.wallet(fan), fan, user_id, coins))
