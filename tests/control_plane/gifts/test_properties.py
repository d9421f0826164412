"""Property tests: in any order and with any concurrency, coins come only from purchases and adjustments and are never
lost."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from control_plane.base.errors import ControlPlaneError
from control_plane.base.ids import StreamId, UserId
from control_plane.base.signing import Keyring, Secret
from control_plane.ledger.adjustments import adjust
from control_plane.ledger.wallets import wallets
from control_plane.observe.metrics import Metrics
from control_plane.payments.connected import ConnectedStores
from control_plane.payments.metrics import PurchaseMetrics
from control_plane.payments.packages_store import offered, seed_packages
from control_plane.payments.purchases import Purchases
from control_plane.payments.sale import Product
from control_plane.payments.store_accounts import StoreAccounts
from control_plane.payments.stores.model import Claim
from control_plane.payments.stores.sandbox import SandboxStore, Sold
from tests.control_plane.gifts.stage import Stage, order

PEOPLE = 3
_numbers = itertools.count()


@dataclass(frozen=True)
class Adjust:
    person: int
    coins: int


@dataclass(frozen=True)
class Buy:
    person: int
    buyer: int
    """Who presents the receipt."""
    package: int
    state: Sold
    times: int


@dataclass(frozen=True)
class Give:
    person: int
    receiver: int
    gift_id: int
    count: int
    client_ref: str | None


@dataclass(frozen=True)
class StartOrEnd:
    person: int


anybody = st.integers(0, PEOPLE - 1)
action = st.one_of(
    st.builds(Adjust, anybody, st.integers(1, 40)),
    st.builds(Buy, anybody, anybody, st.integers(0, 1), st.sampled_from(Sold), st.integers(1, 3)),
    st.builds(
        Give, anybody, anybody, st.integers(1, 4), st.integers(0, 3), st.none() | st.sampled_from(["a", "b", "c"])
    ),
    st.builds(StartOrEnd, anybody),
)
actions_at_once = st.lists(action, min_size=1, max_size=5)


class World:
    """Some users, and the balances that follow from the answers that they got."""

    def __init__(self, stage: Stage, people: Sequence[UserId], on_sale: Sequence[Product]) -> None:
        self.stage = stage
        self.people = people
        self.on_sale = on_sale
        self.sandbox = SandboxStore(Keyring((Secret("s", b"s" * 32),)), stage.database)
        stores = ConnectedStores([self.sandbox])
        self.purchases = Purchases(stage.database, stores, PurchaseMetrics(Metrics()), per_minute=10_000)
        self.accounts = StoreAccounts(stage.database)
        self.streams: dict[UserId, StreamId] = {}
        self.changing: set[UserId] = set()
        self.coins: Counter[UserId] = Counter()
        self.received: Counter[UserId] = Counter()

    async def act(self, action: Adjust | Buy | Give | StartOrEnd) -> None:
        user = self.people[action.person]
        match action:
            case Adjust(coins=coins):
                await adjust(self.stage.database, user, coins, f"key-{next(_numbers)}")
                self.coins[user] += coins
            case Buy():
                account = await self.accounts.of(user)
                receipt = self.sandbox.receipts.sell(self.on_sale[action.package], account, action.state)
                buyer = self.people[action.buyer]
                for _ in range(action.times):
                    bought = await self.purchases.purchase(buyer, Claim(receipt))
                    if not bought.replayed:
                        self.coins[buyer] += bought.purchase.coins
            case Give(receiver=receiver, gift_id=gift_id, count=count, client_ref=client_ref):
                gift = order(user, self.people[receiver], gift_id, count)
                outcome = await self.stage.gifts.send(gift, client_ref)
                if not outcome.replayed:
                    self.coins[user] -= outcome.sent.coins
                    self.coins[outcome.sent.receiver_id] += outcome.sent.coins
                    self.received[outcome.sent.receiver_id] += outcome.sent.coins
            case StartOrEnd() if user not in self.changing:
                self.changing.add(user)
                if (stream_id := self.streams.pop(user, None)) is None:
                    self.streams[user] = await self.stage.go_live(user)
                else:
                    await self.stage.end(stream_id)
                self.changing.remove(user)


@settings(max_examples=30, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(actions_at_once, min_size=1, max_size=8))
async def test_coins_are_conserved(stage: Stage, steps: list[list[Adjust | Buy | Give | StartOrEnd]]) -> None:
    before = await stage.audit()
    async with stage.database.transaction() as connection:
        await seed_packages(connection)
    people = [await stage.user() for _ in range(PEOPLE)]
    world = World(stage, people, await offered(stage.database, SandboxStore.name))
    for person in range(PEOPLE):
        await world.act(StartOrEnd(person))
        await world.act(Adjust(person, 20))

    for step in steps:
        outcomes = await asyncio.gather(*(world.act(action) for action in step), return_exceptions=True)

        assert all(outcome is None or isinstance(outcome, ControlPlaneError) for outcome in outcomes), outcomes
        have = await wallets(stage.database, people)
        assert {user: have[user].total for user in people} == {user: world.coins[user] for user in people}
        received = await stage.received()
        assert {user: received.get(user, 0) for user in people} == {user: world.received[user] for user in people}
        assert await stage.audit() == before + world.coins.total()
