"""The services of money of two server processes over one database, and what is known about users, streams and keys."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

from control_plane.base.errors import ControlPlaneError
from control_plane.base.ids import Seq, StreamId, UserId
from control_plane.db.pool import Database, DatabaseUnavailable, open_pool
from control_plane.ledger.check import LedgerCheck
from control_plane.ledger.wallets import Wallet
from control_plane.payments.packages_store import seed_packages
from stagedoor.parts.money import ledger_check
from tests.control_plane.gifts.stage import Stage
from tests.control_plane.money.payouts import LEAST, TWO_OPERATORS_FROM, Requests
from tests.control_plane.money.purchases import Shelf
from tests.control_plane.money.replay import Replay, Transfer
from tests.control_plane.payments.shopping import Shopping
from tests.control_plane.payouts.till import Till

PEOPLE = 4
_POOL = 4

_BALANCES = "select owner_id, kind, balance from ledger_account where balance <> 0"
_TRIAL_BALANCE = """
    select kind, sum(amount)::bigint as coins from ledger_entry entry join ledger_account account on account.id = account_id
    where owner_id is null group by kind having sum(amount) <> 0
"""
_WRONG_SIGNS = "select id from ledger_account where case when kind = 'debt' then balance > 0 else balance < 0 end"
_REPEATED_KEYS = """
    select user_id from ledger_transfer group by user_id, operation, idempotency_key having count(*) > 1
"""
_DEADLOCKS = "select deadlocks from pg_stat_database where datname = current_database()"
_TOTALS = "select receiver_id, giver_id, coins from gift_total"
_GIFTS = """
    select sent.id, transfer_id, sender_id, receiver_id, gift_id, count, coins, sent.stream_id, sent.seq, frame
    from gift_sent sent left join stream_event event on event.stream_id = sent.stream_id and event.seq = sent.seq
    where sent.id > $1 order by sent.stream_id, sent.seq
"""


class Action(Protocol):
    @property
    def process(self) -> int: ...

    async def perform(self, bank: Bank) -> object: ...

    def judge(self, bank: Bank, outcome: object) -> None:
        """`outcome`: what `perform` returned, or the refusal that it raised."""
        ...


@dataclass
class GiftRow:
    """A gift as the database has it."""

    id: int
    transfer_id: int
    sender_id: UserId
    receiver_id: UserId
    gift_id: int
    count: int
    coins: int
    stream_id: StreamId | None
    seq: Seq | None
    frame: str | None
    """Of its event."""
    step: int
    """In which it was sent."""
    named: StreamId | None = None
    """The stream that its sender named."""


@dataclass
class Process:
    """A server process: a pool, a writer of gifts and a cache of its own."""

    database: Database
    stage: Stage
    shopping: Shopping
    till: Till
    commission_bps: int = 0

    @classmethod
    async def start(cls, dsn: str) -> Process:
        database = await open_pool(dsn, size=_POOL)
        till = Till(database, least=LEAST, two_operators_from=TWO_OPERATORS_FROM)
        return cls(database, Stage(database), Shopping(database), till)

    async def restart(self, commission_bps: int) -> None:
        await self.stage.close()
        self.stage = Stage(self.database, commission_bps)
        self.shopping.restart()
        self.commission_bps = commission_bps

    async def stop(self) -> None:
        await self.stage.close()
        await self.database.close()


class Bank:
    def __init__(self, processes: Sequence[Process], check: LedgerCheck, users: list[UserId]) -> None:
        self.processes = processes
        self.database = processes[0].database
        self.users = users
        self.replay = Replay(users)
        self.transfers: dict[tuple[UserId, str, str], Transfer] = {}
        """All, by what the ledger accepts once."""
        self.unclaimed: dict[int, Transfer] = {}
        """Of this step, until an outcome accounts for them."""
        self.gifts: dict[int, GiftRow] = {}
        self.shelf = Shelf()
        self.requests = Requests()
        self.asked_for: dict[int, int | None] = {}
        """The coins that a withdrawal asked for, by transfer."""
        self.steps = 0
        self.actions: Sequence[Action] = ()
        """Of this step."""
        self.is_single = True
        """This step has one action, so that there is one right outcome."""
        self.running: dict[UserId, StreamId] = {}
        self.ended: dict[UserId, StreamId] = {}
        """The latest one."""
        self.were_running: dict[UserId, StreamId] = {}
        self.had_ended: dict[UserId, StreamId] = {}
        """At the beginning of the step."""
        self.changing: set[UserId] = set()
        """Whose streams start or end in this step."""
        self._keyed: list[Action] = []
        self._given: Counter[tuple[UserId, StreamId]] = Counter()
        self._check = check

    @classmethod
    async def open(cls, dsn: str) -> Bank:
        processes = [await Process.start(dsn) for _ in range(2)]
        first = processes[0]
        await first.stage.open()
        async with first.database.transaction() as connection:
            await seed_packages(connection)
        users = [await first.till.host(0) for _ in range(PEOPLE)]
        return cls(processes, replace(ledger_check(first.database, dsn), pause=0), users)

    async def close(self) -> None:
        for process in self.processes:
            await process.stop()

    async def step(self, *actions: Action) -> None:
        """Do all of this at the same time, and compare every outcome and every coin that moved with the rules."""
        self.steps += 1
        self.were_running, self.had_ended = dict(self.running), dict(self.ended)
        self.changing.clear()
        self.shelf.begin()
        self.actions, self.is_single = actions, len(actions) == 1
        self._keyed += [action for action in actions if getattr(action, "key", None)]
        outcomes = await asyncio.gather(*(action.perform(self) for action in actions), return_exceptions=True)
        for transfer in await self.replay.look(self.database):
            assert transfer.name not in self.transfers, f"{transfer.name} has two effects"
            assert transfer.legs.total() == 0
            self.transfers[transfer.name] = self.unclaimed[transfer.id] = transfer
        await self._look_at_gifts()
        await self.shelf.look(self)
        await self.requests.look(self)
        for action, outcome in sorted(zip(actions, outcomes, strict=True), key=_firsts_first):
            if isinstance(outcome, BaseException) and not isinstance(outcome, ControlPlaneError):
                raise outcome
            assert not isinstance(outcome, DatabaseUnavailable), action
            action.judge(self, outcome)
        assert self.unclaimed == {}, "coins moved, and no answer says so"
        await self.check()

    def again(self, process: int, number: int) -> Action:
        """One of the latest calls with a key, in this process."""
        retried: Any = self._keyed[-1 - number % len(self._keyed)]
        return cast(Action, replace(retried, process=process))

    def wallets(self, user: UserId) -> list[Wallet]:
        """What the user had at the moments of this step."""
        return self.replay.seen[user]

    def streams_of(self, user: UserId) -> list[StreamId | None]:
        """The user's running stream at the moments of this step."""
        return [self.were_running.get(user), self.running.get(user)]

    async def _look_at_gifts(self) -> None:
        """The new gifts. Each one into a stream has an event, which was offered to viewers once."""
        told = []
        for row in await self.database.fetch(_GIFTS, max(self.gifts, default=0)):
            gift = self.gifts[row["id"]] = GiftRow(**row, step=self.steps)
            if gift.stream_id is None:
                assert (gift.seq, gift.frame) == (None, None)
                continue
            assert gift.seq is not None
            assert gift.frame is not None
            told.append((gift.stream_id, gift.seq, gift.frame))
            self._given[gift.sender_id, gift.stream_id] += gift.coins
            event = json.loads(gift.frame)
            data = event["data"]
            assert (event["type"], event["seq"]) == ("gift", gift.seq)
            assert (data["gift_id"], data["count"], data["coins"]) == (gift.gift_id, gift.count, gift.coins)
            assert (data["sender"]["user_id"], data["receiver_id"]) == (gift.sender_id, gift.receiver_id)
            assert data["sender_total"] == self._given[gift.sender_id, gift.stream_id]
        heard = [frame for process in self.processes for frame in process.stage.heard.frames if "gift" in frame[2][:16]]
        for process in self.processes:
            process.stage.heard.frames.clear()
        assert sorted(heard) == sorted(told)

    async def check(self) -> None:
        """The invariants, in the database."""
        database = self.database
        for wrong in (_WRONG_SIGNS, _REPEATED_KEYS):
            assert await database.fetch(wrong) == [], wrong
        await self.processes[0].stage.audit()
        given = Counter[tuple[UserId, UserId]]()
        for gift in self.gifts.values():
            given[gift.receiver_id, gift.sender_id] += gift.coins
        assert given == {(row[0], row[1]): row["coins"] for row in await database.fetch(_TOTALS)}
        held = Counter({(row["owner_id"], row["kind"]): row["balance"] for row in await database.fetch(_BALANCES)})
        held.update({(None, row["kind"]): row["coins"] for row in await database.fetch(_TRIAL_BALANCE)})
        assert held == {account: coins for account, coins in self.replay.balances.items() if coins}
        assert sum(held.values()) == 0

    async def check_all(self) -> None:
        """The product's own check of the ledger, and that no deadlock was hidden: gifts and jobs repeat what failed by one."""
        for result in (await self._check.new(), await self._check.full()):
            assert result.found == []
            assert result.trial_balance.total() == 0
        await self.close()
        database = await open_pool(self._check.dsn, size=1)
        assert await database.fetchval(_DEADLOCKS) == 0
        await database.close()


def _firsts_first(performed: tuple[Action, object]) -> int:
    """First outcomes are judged before repeats of them, and refusals last."""
    _, outcome = performed
    return 2 if isinstance(outcome, BaseException) else int(getattr(outcome, "replayed", False))
