"""Operators' acts about payouts: approve, reject, pay, write the file for the bank. Each is one transaction with its
transfer, its audit entry and what tells the user, and changes nothing when it is repeated.

Lock order: the request, the user's ledger accounts, the user's inbox. The request comes first, because a file that is
written locks requests for seconds: accounts that are locked meanwhile would stop the gifts of all users. No other
transaction waits for a request while it holds accounts.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from control_plane.accounts.store import usernames
from control_plane.base import private_file
from control_plane.base.clock import Clock, utc_now
from control_plane.base.errors import ControlPlaneError, ErrorKind, present
from control_plane.base.ids import UserId
from control_plane.base.spreadsheet import harmless
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.ledger import store as ledger
from control_plane.ledger.account import PAYOUT_PAID, PAYOUT_RESERVED, Account, TransferId, accounts_of, earned
from control_plane.ledger.transfers import Operation, Request, fingerprint, hold, post
from control_plane.ledger.wallets import wallets
from control_plane.operations import audit
from control_plane.operations.audit import Act, Actor
from control_plane.payouts import store
from control_plane.payouts.model import Address, Payout, State, Terms
from control_plane.payouts.sealing import Sealer
from control_plane.payouts.telling import tell_state

BATCH = 500
"""Requests locked at once while a file is written."""
MOST_OPEN = 10**6
"""Payouts that are rejected at once. Fewer: some stay open when a server leaves development mode."""
EXPORT_S = 300.0
"""Deadline of the transaction that writes a file. Shorter: a large file cannot be written."""
COLUMNS = ("payout", "user", "username", "method", "address", "amount", "currency", "coins", "requested", "approved")


class NoSuchPayout(ControlPlaneError):
    code = "no_such_payout"
    kind = ErrorKind.REFUSED

    def __init__(self, payout_id: int) -> None:
        super().__init__(f"There is no payout {payout_id}.")


class WrongState(ControlPlaneError):
    """The payout is in another state than the act needs."""

    code = "payout_in_wrong_state"
    kind = ErrorKind.REFUSED


class AnotherOperatorNeeded(ControlPlaneError):
    code = "another_operator_needed"
    kind = ErrorKind.REFUSED

    def __init__(self, payout: Payout, least: int) -> None:
        super().__init__(
            f"Payout {payout.id} has {least} coins or more and you approved it: another operator has to pay it."
        )


class PayoutHeld(ControlPlaneError):
    """The address was changed a short time ago, or the user is in debt."""

    code = "payout_held"
    kind = ErrorKind.REFUSED


@dataclass(frozen=True, slots=True)
class Written:
    """A file for the bank."""

    payouts: Sequence[Payout]
    left_out: Sequence[int]
    """Ids of approved payouts that are held, whose users are in debt, or that this operator approved and another one has to pay."""


class PayoutDesk:
    def __init__(self, database: Database, terms: Terms, sealer: Sealer, actor: Actor, clock: Clock = utc_now) -> None:
        self._database = database
        self._terms = terms
        self._sealer = sealer
        self._actor = actor
        self._clock = clock

    async def get(self, payout_id: int) -> Payout:
        """Raises NoSuchPayout."""
        found = await store.get(self._database, payout_id)
        if found is None:
            raise NoSuchPayout(payout_id)
        return found

    async def read_address(self, payout: Payout) -> Address | None:
        """The whole address. Reading it is an act. None: the user is removed. Raises Unreadable."""
        async with self._database.transaction() as connection:
            sealed = await store.address_of(connection, payout.id)
            if sealed is None:
                return None
            await self._record(connection, Act.PAYOUT_ADDRESS_READ, payout)
        return self._sealer.open(payout.user_id, sealed)

    async def approve(self, payout_id: int) -> bool:
        """False: it was approved before. Raises NoSuchPayout and WrongState."""
        async with self._database.transaction() as connection:
            payout = await self._lock(connection, payout_id)
            if payout.state is State.APPROVED:
                return False
            if payout.state is not State.REQUESTED:
                raise _wrong(payout)
            approved = await store.approve(connection, payout_id, self._actor, self._clock())
            await self._record(connection, Act.PAYOUT_APPROVED, payout, coins=payout.coins)
            await tell_state(connection, approved)
        return True

    async def reject(self, payout_id: int, reason: str, *, approved_too: bool = False) -> bool:
        """Give the reserved coins back. `reason`: the user reads it. `approved_too`: reject an approved payout too. False: it
        was rejected before. Raises NoSuchPayout and WrongState."""

        def check(payout: Payout) -> bool:
            if payout.state is State.REJECTED:
                return False
            if payout.state is State.APPROVED and not approved_too:
                exported = " and is in a file for the bank" if payout.exported_at else ""
                raise WrongState(
                    f"Payout {payout.id} is approved{exported}. With --even-approved it is rejected all the same: "
                    "be sure that the bank does not pay it."
                )
            if not payout.is_open:
                raise _wrong(payout)
            return True

        async def end(connection: Connection, payout: Payout, transfer_id: TransferId) -> Payout:
            await self._record(connection, Act.PAYOUT_REJECTED, payout, coins=payout.coins, reason=reason)
            return await store.end(connection, payout.id, State.REJECTED, transfer_id, self._clock(), reason=reason)

        return await self._end(payout_id, Operation.PAYOUT_RETURNED, check, end)

    async def pay(self, payout_id: int, bank_reference: str) -> bool:
        """Record that the bank has paid it. False: it was recorded before with this reference. Raises NoSuchPayout,
        WrongState, PayoutHeld and AnotherOperatorNeeded."""

        def check(payout: Payout) -> bool:
            if payout.state is State.PAID and payout.bank_reference == bank_reference:
                return False
            if payout.state is State.REQUESTED:
                raise WrongState(f"Payout {payout.id} is not approved yet.")
            if payout.state is not State.APPROVED:
                raise _wrong(payout)
            if self._needs_another(payout):
                raise AnotherOperatorNeeded(payout, self._terms.two_operators_from)
            return True

        async def end(connection: Connection, payout: Payout, transfer_id: TransferId) -> Payout:
            # What is in a file may be paid already.
            if not payout.exported_at and (why := await self._why_held(connection, [payout])):
                raise PayoutHeld(why[payout.user_id])
            await self._record(connection, Act.PAYOUT_PAID, payout, coins=payout.coins, reference=bank_reference)
            return await store.end(
                connection, payout.id, State.PAID, transfer_id, self._clock(), bank_reference=bank_reference
            )

        return await self._end(payout_id, Operation.PAYOUT_PAID, check, end)

    async def write_file(self, path: Path, limit: int = 10_000) -> Written:
        """Write the approved payouts that no file has yet as CSV into a new file, which only its owner can read. The file
        gets its name after the commit: what is not in the database has no file, and a crash in between leaves the complete
        `<name>.part`.

        Raises FileExistsError and other OSErrors, and Unreadable.
        """
        if path.exists():
            raise FileExistsError(f"{path} exists already.")
        part = path.with_name(path.name + ".part")
        opened = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        is_complete = False
        try:
            with os.fdopen(opened, "w", encoding="utf-8", newline="") as file:
                async with self._database.transaction(EXPORT_S) as connection:
                    payouts, left_out = await self._exportable(connection, limit)
                    file.write(await self._text(connection, payouts))
                    file.flush()
                    os.fsync(opened)
                    await store.exported(connection, [payout.id for payout in payouts], self._clock())
                    entries = [(audit.user(one.user_id), {"payout": one.id, "file": path.name}) for one in payouts]
                    await audit.record_each(connection, self._actor, Act.PAYOUT_EXPORTED, entries)
                    is_complete = True
        except BaseException:
            if not is_complete:  # a COMMIT that fails may have been carried out
                part.unlink(missing_ok=True)
            raise
        part.rename(path)
        private_file.sync_folder(path.parent)
        return Written(payouts, left_out)

    async def _exportable(self, connection: Connection, limit: int) -> tuple[list[Payout], list[int]]:
        payouts: list[Payout] = []
        left_out: list[int] = []
        after = 0
        while locked := await store.lock_to_export(connection, after, min(BATCH, limit - len(payouts))):
            why_held = await self._why_held(connection, locked)
            for payout in locked:
                if self._needs_another(payout) or payout.user_id in why_held:
                    left_out.append(payout.id)
                else:
                    payouts.append(payout)
            after = locked[-1].id
        return payouts, left_out

    async def _text(self, connection: Connection, payouts: Sequence[Payout]) -> str:
        names = await usernames(connection, [payout.user_id for payout in payouts])
        text = StringIO()
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        addresses = await store.addresses_of(connection, [payout.id for payout in payouts])
        for payout in payouts:
            sealed = present(addresses.get(payout.id), "an open payout has an address")
            address = self._sealer.open(payout.user_id, sealed)
            fields = (
                *(payout.id, payout.user_id, names[payout.user_id], address.method.value, address.value),
                *(payout.amount, payout.currency, payout.coins),
                *(f"{at:%Y-%m-%d %H:%M:%S}" for at in (payout.created_at, payout.approved_at) if at),
            )
            writer.writerow([harmless(str(field)) for field in fields])
        return text.getvalue()

    async def _end(
        self,
        payout_id: int,
        operation: Operation,
        check: Callable[[Payout], bool],
        end: Callable[[Connection, Payout, TransferId], Awaitable[Payout]],
    ) -> bool:
        """Move the reserved coins. `check` says whether there is something to do."""
        found = await self.get(payout_id)
        user_id, request = found.user_id, _request(found, operation)
        async with self._database.transaction() as connection:
            await ledger.open_accounts(connection, [earned(user_id)])
            payout = await self._lock(connection, payout_id)
            if not check(payout):
                return False
            held = await hold(connection, request, accounts_of(user_id))
            posted = await post(
                connection, held, {PAYOUT_RESERVED: -payout.coins, _receives(operation, user_id): payout.coins}
            )
            await tell_state(connection, await end(connection, payout, posted.transfer_id))
        return True

    async def _lock(self, connection: Connection, payout_id: int) -> Payout:
        found = await store.lock(connection, payout_id)
        if found is None:
            raise NoSuchPayout(payout_id)
        return found

    def _needs_another(self, payout: Payout) -> bool:
        least = self._terms.two_operators_from
        return bool(least) and payout.coins >= least and payout.approved_by == self._actor

    async def _why_held(self, connection: Connection, payouts: Sequence[Payout]) -> dict[UserId, str]:
        """By user. The payouts of the others may be paid."""
        user_ids = [payout.user_id for payout in payouts]
        details = await store.details_of(connection, user_ids)
        why: dict[UserId, str] = {}
        for user_id, wallet in (await wallets(connection, user_ids)).items():
            if until := self._terms.held_until(details.get(user_id), self._clock()):
                why[user_id] = (
                    f"The payout address of user {user_id} was changed. Payouts are held until {until:%Y-%m-%d %H:%M} UTC."
                )
            elif wallet.debt:
                why[user_id] = (
                    f"User {user_id} owes {wallet.debt} coins of refunded purchases. Reject the payout, or pay it when "
                    "purchases have paid the debt."
                )
        return why

    async def _record(self, connection: Connection, act: Act, payout: Payout, **detail: str | int) -> None:
        await audit.record(connection, self._actor, act, audit.user(payout.user_id), payout=payout.id, **detail)


async def reject_open_payouts(connection: Connection, actor: Actor, reason: str) -> None:
    """Give all reserved coins back, without telling the users. While no server runs."""
    for payout in await store.waiting(connection, MOST_OPEN):
        user_id = payout.user_id
        await ledger.open_accounts(connection, [earned(user_id)])
        held = await hold(connection, _request(payout, Operation.PAYOUT_RETURNED), accounts_of(user_id))
        posted = await post(connection, held, {PAYOUT_RESERVED: -payout.coins, earned(user_id): payout.coins})
        await store.end(connection, payout.id, State.REJECTED, posted.transfer_id, utc_now(), reason=reason)
        await audit.record(
            connection,
            actor,
            Act.PAYOUT_REJECTED,
            audit.user(user_id),
            payout=payout.id,
            coins=payout.coins,
            reason=reason,
        )


def _request(payout: Payout, operation: Operation) -> Request:
    return Request(payout.user_id, operation, f"payout {payout.id}", fingerprint(payout=payout.id))


def _receives(operation: Operation, user_id: UserId) -> Account:
    return PAYOUT_PAID if operation is Operation.PAYOUT_PAID else earned(user_id)


def _wrong(payout: Payout) -> WrongState:
    reference = f" with the reference {payout.bank_reference}" if payout.state is State.PAID else ""
    return WrongState(f"Payout {payout.id} is {payout.state.value} already{reference}.")
