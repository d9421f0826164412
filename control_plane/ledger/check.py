"""The check of the ledger: derives every balance again from the entries, and reports what disagrees.

Every transfer must sum to zero, and move coins between accounts of the kinds and users that its operation is for. The
balance after an entry must be that after the account's entry before it, plus its amount; the balance of an account must
be that after its newest entry. So each balance is the sum of all its entries. Gifts, purchases and payouts must have the
coins of their transfers, each of these transfers must have one of them, and the totals of gifts must agree with the gifts.

The check reads on a connection of its own, in short statements with pauses between them, so that it delays no gift and
keeps no snapshot. What is written meanwhile is complete for each statement (`check_store`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from control_plane.db.connections import Connection
from control_plane.db.pool import Database, connect
from control_plane.jobs.kind import job
from control_plane.ledger import check_store as store
from control_plane.ledger.check_store import Line, Position, Scope

log = logging.getLogger(__name__)

RANGE = 10_000
"""Entries, transfers or accounts of one statement. More: statements take longer. Fewer: more statements."""
ROWS_BESIDE = 500
"""Users and streams of one statement, each with all its gifts; or purchases, or payouts. More: statements take longer."""
PAUSE = 2.0
"""Pause after a statement, as a multiple of its duration. Shorter: the check takes more of the database's time, from
gifts. Longer: the check takes longer."""
LONGEST_PAUSE_S = 2.0
SETTLE_S = 60.0
"""Time for which a check waits for transactions that may still add entries before its position. When it is over, the next
check starts where this one did."""
_POLL_S = 0.1
_NAMED = 100
"""Differences that a result names; the others are counted."""
_SESSION = """
    set application_name = 'stagedoor ledger check';
    set default_transaction_read_only = on;
    set statement_timeout = '10min';
    set plan_cache_mode = force_custom_plan
"""

InRange = Callable[[Connection, int, int], Awaitable[Sequence[str]]]
"""Compares what has ids after the first number, up to the second, in one statement, and returns what disagrees."""
Progress = Callable[[str], None]


@dataclass(slots=True)
class Result:
    differences: int = 0
    found: list[str] = field(default_factory=list)
    """The first differences."""
    trial_balance: Counter[Line] = field(default_factory=Counter)
    """Coins by kind of account, of the transfers that were checked."""
    checked: Position = Position(0, 0)
    """Every entry and transfer up to here has been checked."""

    def add(self, found: Sequence[str]) -> None:
        self.differences += len(found)
        self.found += found[: _NAMED - len(self.found)]


@dataclass(frozen=True, slots=True)
class Beside:
    """Rows that are kept beside the ledger, such as totals of users and streams. Too many for one statement."""

    name: str
    last_id: Callable[[Connection], Awaitable[int]]
    differences: InRange


@dataclass(frozen=True, slots=True)
class LedgerCheck:
    database: Database
    dsn: str
    beside: Sequence[Beside] = ()
    causes: Sequence[InRange] = ()
    """Compare transfers with the rows of what caused them, such as gifts."""
    pause: float = PAUSE

    async def full(self, progress: Progress = lambda line: None) -> Result:
        """Check everything, and record the result. Raises DatabaseUnavailable."""
        async with _reading(self.dsn) as connection:
            run = _Run(connection, self.pause, progress, self.causes)
            result = await run.over(None)
            for beside in self.beside:
                await run.each(beside.name, beside.differences, 0, await beside.last_id(connection), ROWS_BESIDE)
        await self._record(Scope.FULL, result, result.checked)
        return result

    async def new(self) -> Result:
        """Check what was written since the latest check, and record the result. After a difference the next one starts in
        the same place, so that it is reported until it is repaired. Raises DatabaseUnavailable."""
        since = await store.checked_position(self.database)
        async with _reading(self.dsn) as connection:
            result = await _Run(connection, self.pause, lambda line: None, self.causes).over(since)
        await self._record(Scope.NEW, result, since if result.differences else result.checked)
        return result

    async def _record(self, scope: Scope, result: Result, checked: Position) -> None:
        await store.record(self.database, scope, checked, result.differences, result.found)
        if result.differences:
            facts = {"scope": scope.value, "differences": result.differences, "first": result.found[:5]}
            log.error("ledger_is_wrong", extra=facts)
        else:
            log.info("ledger_checked", extra={"scope": scope.value})


@job(every="23 * * * *")
async def check_new_entries(check: LedgerCheck) -> None:
    await check.new()


@job(every="41 3 * * *")
async def check_ledger(check: LedgerCheck) -> None:
    await check.full()


@asynccontextmanager
async def _reading(dsn: str) -> AsyncIterator[Connection]:
    connection = await connect(dsn)
    try:
        await connection.execute(_SESSION)
        yield connection
    finally:
        connection.terminate()


class _Run:
    """One pass over everything, or over what is new.

    The order finds every change that was made before the pass, whatever is written meanwhile: balances are compared
    first. Where a later entry continues a changed balance, so that they agree again, the entry is checked afterwards,
    because the end of the entries is read after the balances.
    """

    def __init__(self, connection: Connection, pause: float, progress: Progress, causes: Sequence[InRange]) -> None:
        self._connection = connection
        self._pause = pause
        self._progress = progress
        self._causes = causes
        self._result = Result()

    async def over(self, since: Position | None) -> Result:
        begin = since or Position(0, 0)
        here, xid = await store.position(self._connection)
        settled = await self._settled(xid)
        if since is None:
            upto = await store.last_account(self._connection)
            await self.each("accounts", store.wrong_balances, 0, upto)
        else:
            await self.each("accounts", store.wrong_balances_of_entries, begin.entry_id, here.entry_id)
        end, _ = await store.position(self._connection)
        await self.each("transfers", self._transfers, begin.transfer_id, end.transfer_id)
        await self.each("entries", store.wrong_entries, begin.entry_id, end.entry_id)
        self._result.checked = here if settled else begin
        return self._result

    async def _settled(self, xid: int) -> bool:
        """Wait until all transactions before `xid` have ended: ids are not assigned in the order of the commits."""
        until = time.monotonic() + SETTLE_S
        while await store.oldest_transaction(self._connection) < xid:
            if time.monotonic() > until:
                log.warning("ledger_check_not_settled")
                return False
            await asyncio.sleep(_POLL_S)
        return True

    async def _transfers(self, connection: Connection, after: int, upto: int) -> Sequence[str]:
        self._result.trial_balance.update(await store.trial_balance(connection, after, upto))
        found = [
            *await store.unbalanced_transfers(connection, after, upto),
            *await store.strange_entries(connection, after, upto),
        ]
        for wrong in self._causes:
            found += await wrong(connection, after, upto)
        return found

    async def each(self, what: str, look: InRange, begin: int, end: int, size: int | None = None) -> None:
        size = size or RANGE
        for after in range(begin, end, size):
            began = time.monotonic()
            upto = min(after + size, end)
            self._result.add(await look(self._connection, after, upto))
            self._progress(f"{what}: {upto:,} of {end:,}")
            await asyncio.sleep(min(self._pause * (time.monotonic() - began), LONGEST_PAUSE_S))
