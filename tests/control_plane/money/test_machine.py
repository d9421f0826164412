"""A state machine over everything that moves coins, on a real database."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from control_plane.payments.stores.model import State
from control_plane.payments.stores.sandbox import Sold
from tests.control_plane.money.bank import PEOPLE, Action, Bank
from tests.control_plane.money.coins import Adjust, CheckIn
from tests.control_plane.money.gifts import PRICES, Give, Into, StartOrEnd
from tests.control_plane.money.payouts import Act, Decide, Withdraw
from tests.control_plane.money.purchases import Change, Present, Sell, Work
from tests.postgres import TestPostgres

EXAMPLES = int(os.environ.get("MONEY_EXAMPLES", "30"))
STEPS = 15

Plan = Callable[[Bank], Action]
"""An action, before the users exist."""

people = st.integers(0, PEOPLE - 1)
processes = st.integers(0, 1)
keys = st.sampled_from("abc")


def plan(make: Callable[..., Action], *users: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Plan]:
    """`users`: names of fields that are users."""

    def planned(values: dict[str, Any]) -> Plan:
        return lambda bank: make(**{n: bank.users[v] if n in users else v for n, v in values.items()})

    strategies = {**dict.fromkeys(users, people), **fields}
    return st.fixed_dictionaries({"process": processes, **strategies}).map(planned)


gives = plan(
    Give,
    "sender",
    "receiver",
    gift_id=st.sampled_from(list(PRICES)),
    count=st.integers(1, 7),
    into=st.sampled_from(Into),
    names_receiver=st.booleans(),
    key=st.none() | keys,
    taps=st.booleans(),
)
adjustments = plan(Adjust, "user", coins=st.integers(1, 50), key=keys)
starts_and_ends = plan(StartOrEnd, "user")
numbers = st.integers(0, 7)
sales = plan(Sell, "user", coins=st.sampled_from([100, 500]), sold=st.sampled_from(Sold), is_named=st.booleans())
presentations = plan(Present, "user", number=numbers, key=st.none() | keys)
changes_of_sales = plan(
    Change,
    number=numbers,
    state=st.sampled_from(State),
    share=st.fractions(0, 1, max_denominator=7),
    times=st.integers(0, 2),
)
works = plan(Work)
checkins = plan(CheckIn, "user", day=st.integers(0, 3))
withdrawals = plan(Withdraw, "user", coins=st.none() | st.integers(1, 60), key=st.none() | keys)
decisions = plan(
    Decide,
    number=numbers,
    act=st.sampled_from(Act),
    operator=st.sampled_from(["olga", "oscar"]),
    approved_too=st.booleans(),
)
everything = st.one_of(
    gives, gives, adjustments, starts_and_ends, presentations, changes_of_sales, works, checkins, withdrawals, decisions
)


class MoneyMachine(RuleBasedStateMachine):
    def __init__(self, postgres: TestPostgres, runner: asyncio.Runner) -> None:
        super().__init__()
        self._runner = runner
        self._history: list[object] = []
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
            error.add_note("\n".join(f"{number}: {step}" for number, step in enumerate(self._history, 1)))
            raise

    def teardown(self) -> None:
        self._do(Work(0))
        self._runner.run(self._bank.check_ledger())
        self._runner.run(self._bank.close())
        self._runner.run(self._postgres.drop_database(self._dsn))

    @initialize(coins=st.tuples(*[st.sampled_from([0, 3, 100, 1000])] * PEOPLE), live=st.sets(people))
    def begin(self, coins: tuple[int, ...], live: set[int]) -> None:
        users = self._bank.users
        self._do(
            *(Adjust(0, user, amount, "first") for user, amount in zip(users, coins, strict=True) if amount),
            *(StartOrEnd(0, users[person]) for person in live),
        )

    @rule(give=gives)
    def give(self, give: Plan) -> None:
        self.step(give)

    @rule(many=st.lists(gives, min_size=2, max_size=12))
    def give_many(self, many: list[Plan]) -> None:
        self.step(*many)

    @rule(adjustment=adjustments)
    def adjust(self, adjustment: Plan) -> None:
        self.step(adjustment)

    @rule(change=starts_and_ends)
    def start_or_end(self, change: Plan) -> None:
        self.step(change)

    @rule(sale=sales, presentation=presentations)
    def buy(self, sale: Plan, presentation: Plan) -> None:
        self.step(sale)
        self.step(presentation)

    @rule(presentation=presentations)
    def present(self, presentation: Plan) -> None:
        self.step(presentation)

    @rule(change=changes_of_sales)
    def change_a_sale(self, change: Plan) -> None:
        self.step(change)

    @rule(work=works)
    def finish_purchases(self, work: Plan) -> None:
        self.step(work)

    @rule(checkin=checkins)
    def check_in(self, checkin: Plan) -> None:
        self.step(checkin)

    @rule(withdrawal=withdrawals)
    def withdraw(self, withdrawal: Plan) -> None:
        self.step(withdrawal)

    @rule(decision=decisions)
    def decide(self, decision: Plan) -> None:
        self.step(decision)

    @rule(process=processes, bps=st.sampled_from([0, 1, 333, 1_500, 9_999, 10_000]))
    def restart_with_commission(self, process: int, bps: int) -> None:
        self._history.append(f"process {process} restarts with a commission of {bps}")
        self._runner.run(self._bank.processes[process].restart(bps))

    @rule(storm=st.lists(everything, min_size=4, max_size=20))
    def storm(self, storm: list[Plan]) -> None:
        self.step(*storm)


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
