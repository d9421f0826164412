"""Transfers move coins between ledger accounts, idempotent per key. The entries of each transfer sum to zero.

A caller moves coins in four steps, within one transaction:

    held = await hold(connection, request, accounts)      # lock, then look the key up
    if held.repeats is not None: ...                      # a retry: answer the first outcome
    amounts = {...}                                       # decide (`ledger/amounts.py`); refusals are raised here
    posted = await post(connection, held, amounts)

The key is looked up under the lock. A retry that looks it up before it waits for the first attempt's lock would not
find it, and would then be refused because the first attempt has spent the coins.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from control_plane.base.errors import ControlPlaneError, ErrorKind, require
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.ledger import store
from control_plane.ledger.account import (
    LARGEST_AMOUNT,
    LARGEST_BALANCE,
    Account,
    Kind,
    TransferId,
)
from control_plane.ledger.wallets import Wallet

LONGEST_CLIENT_REF = 64
CLIENT_REF = r"^(?! )[^\x00-\x1f\x7f]{0,63}[^\x00-\x20\x7f]\Z"
"""Shared by API calls and live socket frames. A space at either end is refused, because a client that strips it would
send a different key on retry."""
CLIENT_REF_RULE = f"1 to {LONGEST_CLIENT_REF} printable characters and no blank at its ends"
_CLIENT_REF = re.compile(CLIENT_REF)
_encode = json.JSONEncoder(sort_keys=True).encode


class Operation(StrEnum):
    """Each operation has its own space of idempotency keys."""

    GIFT = "gift"
    PURCHASE = "purchase"
    REFUND = "refund"
    """Coins of a refunded purchase are taken back, or given again when the refund is reversed."""
    REWARD = "reward"
    PAYOUT = "payout"
    """Earned coins are reserved for a payout."""
    PAYOUT_PAID = "payout_paid"
    PAYOUT_RETURNED = "payout_returned"
    """The reserved coins of a rejected payout are returned."""
    ADJUSTMENT = "adjustment"


class IdempotencyConflict(ControlPlaneError):
    """This user used the key for the same operation with a different request."""

    code = "idempotency_conflict"
    kind = ErrorKind.CONFLICT

    def __init__(self) -> None:
        super().__init__("This client_ref was used for another request before. Please use a new one.")


class InvalidClientRef(ControlPlaneError):
    code = "invalid_client_ref"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__(f"client_ref must have {CLIENT_REF_RULE}.")


class NotEnoughCoins(ControlPlaneError):
    code = "not_enough_coins"
    kind = ErrorKind.REFUSED

    def __init__(self, missing: int) -> None:
        super().__init__(f"You do not have enough coins: {missing} more {'is' if missing == 1 else 'are'} needed.")
        self.missing = missing


class InDebt(ControlPlaneError):
    """A purchase of the user was refunded after its coins were spent."""

    code = "in_debt"
    kind = ErrorKind.REFUSED

    def __init__(self, coins: int) -> None:
        super().__init__(
            f"A refunded purchase left a debt of {coins} coin{'' if coins == 1 else 's'}. It is paid by the next coins "
            "that you buy; then you can send gifts and withdraw again."
        )


class TooManyCoins(ControlPlaneError):
    """The amount exceeds LARGEST_AMOUNT, or the balance would exceed LARGEST_BALANCE."""

    code = "too_many_coins"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("That is more coins than an account can take.")


Same = Callable[["Connection | Database", store.FoundTransfer], Awaitable[bool]]
"""Compares a found transfer with the request when their fingerprints differ. True: it is the same request."""


@dataclass(frozen=True, slots=True)
class Request:
    """A requested transfer with its idempotency key. `note` is kept in the ledger."""

    user_id: UserId
    operation: Operation
    key: str
    fingerprint: bytes
    note: str = ""
    same: Same | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """Accounts locked until the end of the transaction."""

    request: Request
    ids: Mapping[Account, int]
    balances: Mapping[Account, int]
    repeats: TransferId | None
    """The transfer that the same request made before. None: this is the first attempt."""

    def wallet(self, user_id: UserId) -> Wallet:
        return Wallet.of(user_id, self.balances)


@dataclass(frozen=True, slots=True)
class Posted:
    transfer_id: TransferId
    balances: Mapping[Account, int]
    """Balances after the transfer, of all held accounts."""

    def wallet(self, user_id: UserId) -> Wallet:
        return Wallet.of(user_id, self.balances)


def fingerprint(**request: str | int | None) -> bytes:
    """SHA-256 of the request. Fields that are None are left out, so that adding a field later keeps old fingerprints
    valid."""
    given = {name: value for name, value in request.items() if value is not None}
    return hashlib.sha256(_encode(given).encode()).digest()


def key_of(client_ref: str | None) -> str:
    """The idempotency key: the client's, or a random one if the client sent none. Raises InvalidClientRef."""
    if client_ref is None:
        return secrets.token_urlsafe(24)
    if _CLIENT_REF.search(client_ref) is None or not client_ref.isprintable():
        raise InvalidClientRef
    return client_ref


async def repeated(
    source: Connection | Database, request: Request, found: store.FoundTransfer | None
) -> TransferId | None:
    """The id of the transfer that this request repeats. None: it is new. Raises IdempotencyConflict."""
    if found is None:
        return None
    if found.fingerprint == request.fingerprint or (request.same is not None and await request.same(source, found)):
        return found.id
    raise IdempotencyConflict


async def hold(connection: Connection, request: Request, accounts: Sequence[Account]) -> Held:
    """Lock users' accounts, then look up the key. At least one account must be the requester's, so that retries wait
    here.

    An account that does not exist is left out: it has no coins, and can get some only after `store.open_accounts`.
    Raises IdempotencyConflict.
    """
    locked = await store.lock_accounts(connection, accounts)
    found = await store.find_transfer(connection, request.user_id, request.operation, request.key)
    return Held(
        request=request,
        ids={account: row.id for account, row in locked.items()},
        balances={account: row.balance for account, row in locked.items()},
        repeats=await repeated(connection, request, found),
    )


async def post(connection: Connection, held: Held, amounts: Mapping[Account, int]) -> Posted:
    """Write the transfer. `amounts` must sum to zero. Raises NotEnoughCoins and TooManyCoins before anything is
    written."""
    require(held.repeats is None, "a retry must not be posted again")
    require(sum(amounts.values()) == 0, "the entries of a transfer must sum to zero")
    legs = [(account, amount) for account, amount in amounts.items() if amount]
    for account, amount in legs:
        if amount > LARGEST_AMOUNT:
            raise TooManyCoins
        if account.owner_id is not None:
            _check(account, held.balances[account] + amount)
    request = held.request
    posted = await store.post(
        connection,
        request.user_id,
        request.operation,
        request.key,
        request.fingerprint,
        request.note,
        [(held.ids.get(account), account.kind, amount) for account, amount in legs],
    )
    after = {account: posted.balance_after.get(held.ids[account], before) for account, before in held.balances.items()}
    return Posted(posted.id, after)


def _check(account: Account, balance: int) -> None:
    if account.kind is not Kind.DEBT and balance < 0:
        raise NotEnoughCoins(-balance)
    if abs(balance) > LARGEST_BALANCE:
        raise TooManyCoins
