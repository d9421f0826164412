"""A state machine over everything that moves coins, on a real database."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from control_plane.payments.stores.model import State
from control_plane.payments.stores.sandbox import Sold
from tests.control_plane.money.bank import PEOPLE, Action, Bank
from tests.control_plane.money.coins import Adjust, CheckIn
from tests.control_plane.money.gifts import PRICES, Give, Into, StartOrEnd
from tests.control_plane.money.payouts import LEAST, TWO_OPERATORS_FROM, Act, Decide, Withdraw
from tests.control_plane.money.purchases import Change, Present, Sell, Work
from tests.postgres import TestPostgres

EXAMPLES = int(os.environ.get("MONEY_EXAMPLES", "15"))
STEPS = 12

Plan = Callable[[Bank], Action]
"""An action, before the users exist."""

people = st.sampled_from(range(PEOPLE))
processes = st.sampled_from([0, 1])
keys = st.sampled_from("abc")
maybe_keys = st.sampled_from([None, None, *"abc"])
numbers = st.integers(0, 7)


def plan(make: Callable[..., Action], *users: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Plan]:
    """`users`: names of fields that are users."""

    def planned(values: dict[str, Any]) -> Plan:
        given = dict(values)
        if pair := given.pop("pair", None):
            given["sender"], given["receiver"] = pair
        return lambda bank: make(**{name: bank.users[v] if name in people_in else v for name, v in given.items()})

    people_in = {*users, "sender", "receiver"}
    strategies = {**dict.fromkeys(users, people), **fields}
    return st.fixed_dictionaries({"process": processes, **strategies}).map(planned)


pairs = st.sampled_from([*permutations(range(PEOPLE), 2), (0, 0)])
gives = plan(
    Give,
    pair=pairs,
    gift_id=st.sampled_from(list(PRICES)),
    count=st.integers(1, 7),
    into=st.sampled_from([Into.OPEN, Into.OPEN, Into.RUNNING, Into.RUNNING, *Into]),
    names_receiver=st.booleans(),
    key=maybe_keys,
    taps=st.booleans(),
)
adjustments = plan(Adjust, "user", coins=st.integers(1, 50), key=keys)
starts_and_ends = plan(StartOrEnd, "user")
sales = plan(Sell, "user", coins=st.sampled_from([100, 500]), sold=st.sampled_from(Sold), is_named=st.booleans())
presentations = plan(Present, "user", number=numbers, by_buyer=st.sampled_from([True, True, False]), key=maybe_keys)
changes = plan(
    Change,
    number=numbers,
    state=st.sampled_from([State.PAID, State.PAID, *State]),
    share=st.fractions(0, 1, max_denominator=7),
    times=st.integers(0, 2),
)
works = plan(Work)
checkins = plan(CheckIn, "user", day=st.integers(0, 3))
withdrawals = plan(Withdraw, "user", coins=st.none() | st.integers(1, 60), key=maybe_keys, is_whole=st.booleans())
decisions = plan(
    Decide,
    number=numbers,
    act=st.sampled_from(Act),
    operator=st.sampled_from(["olga", "oscar"]),
    approved_too=st.booleans(),
)
retries = st.builds(lambda process, number: lambda bank: bank.again(process, number), processes, numbers)
about_purchases = st.one_of(sales, presentations, presentations, changes, works)
about_payouts = st.one_of(withdrawals, decisions, decisions)
actions = st.one_of(
    *(gives, gives, gives, about_purchases, about_purchases, about_payouts, about_payouts),
    *(retries, retries, adjustments, checkins, starts_and_ends),
)


class MoneyMachine(RuleBasedStateMachine):
    def __init__(self, postgres: TestPostgres, runner: asyncio.Runner) -> None:
        super().__init__()
        self._runner = runner
        self._history: list[object] = []
        self._has_failed = False
        self._postgres = postgres
        self._dsn = runner.run(postgres.create_database())
        self._bank = runner.run(Bank.open(self._dsn))

    def step(self, *plans: Plan) -> None:
        self._do(*(plan(self._bank) for plan in plans))

    def _do(self, *actions: Action) -> None:
        self._history.append(actions)
        try:
            self._runner.run(self._bank.step(*actions))
        except BaseException as error:
            self._has_failed = True
            error.add_note("\n".join(f"{number}: {step}" for number, step in enumerate(self._history, 1)))
            raise

    def teardown(self) -> None:
        try:
            if not self._has_failed:
                self._do(Work(0))
                self._runner.run(self._bank.check_all())
        finally:
            self._runner.run(self._bank.close())
            self._runner.run(self._postgres.drop_database(self._dsn))

    @initialize(
        coins=st.tuples(*[st.sampled_from([0, 3, 100, 1000])] * 3, st.sampled_from([0, 3])),
        live=st.sets(people, min_size=1),
    )
    def begin(self, coins: tuple[int, ...], live: set[int]) -> None:
        """Some users have coins and streams, all have earned some, some things are sold, the last user is in debt, and two
        wait for payouts."""
        users = self._bank.users
        ann, debtor = users[0], users[-1]
        ring = list(zip(users, users[1:] + users[:1], strict=True))
        self._do(*(Adjust(0, user, 30 + more, "begin") for user, more in zip(users, coins, strict=True)))
        self._do(
            *(StartOrEnd(0, users[person]) for person in live), *(Give(1, one, other, 3, 3) for one, other in ring)
        )
        sold = [Sold.PURCHASED, Sold.PURCHASED, Sold.PENDING, Sold.PURCHASED]
        self._do(*(Sell(0, user, 100, state, is_named=True) for user, state in zip(users, sold, strict=True)))
        self._do(*(Present(0, ann, receipt, by_buyer=True, key=None) for receipt in range(len(sold))))
        self._do(Give(0, debtor, ann, 7, 1))
        for share in (Fraction(1), Fraction(1, 2)):  # a refund that is partly reversed
            self._do(Change(0, self._bank.shelf.number_of(debtor), State.PAID, share, 1))
            self._do(Work(0))
        self._do(Give(0, ann, debtor, 3, 2))
        self._do(Present(0, ann, sold.index(Sold.PENDING), by_buyer=False, key=None))
        self._do(Withdraw(0, ann, TWO_OPERATORS_FROM, None), Withdraw(1, users[1], LEAST, "a"))
        for number, act in ((0, Act.PAY), (1, Act.PAY), (0, Act.APPROVE), (0, Act.PAY)):
            self._do(Decide(0, number, act, "olga", approved_too=False))

    @rule(action=actions)
    def one(self, action: Plan) -> None:
        self.step(action)

    @rule(many=st.lists(actions, min_size=2, max_size=16))
    def many_at_once(self, many: list[Plan]) -> None:
        self.step(*many)

    @rule(gifts=st.lists(st.one_of(gives, gives, gives, retries), min_size=2, max_size=16))
    def many_gifts_at_once(self, gifts: list[Plan]) -> None:
        self.step(*gifts)

    @rule(change=changes, work=works)
    def change_a_sale(self, change: Plan, work: Plan) -> None:
        """A refund, or the reversal of one."""
        self.step(change)
        self.step(work)

    @rule(decisions=st.lists(decisions, min_size=2, max_size=4))
    def decide(self, decisions: list[Plan]) -> None:
        for decision in decisions:
            self.step(decision)

    @rule(process=processes, bps=st.sampled_from([0, 1, 333, 1_500, 9_999, 10_000]))
    def restart_with_commission(self, process: int, bps: int) -> None:
        self._history.append(f"process {process} restarts with a commission of {bps}")
        self._runner.run(self._bank.processes[process].restart(bps))


@pytest.mark.timeout(60 + 6 * EXAMPLES)
def test_money(postgres: TestPostgres) -> None:
    with asyncio.Runner() as runner:
        run_state_machine_as_test(
            lambda: MoneyMachine(postgres, runner),  # type: ignore[arg-type]  # it may be any factory
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=STEPS,
                database=None,
                phases=[Phase.generate],  # concurrency makes a failure hard to repeat: no time is spent on smaller ones
                suppress_health_check=list(HealthCheck),
            ),
        )
