"""Adjustments: coins credited to a user by an operator or by the demo data."""

from __future__ import annotations

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.ledger import store
from control_plane.ledger.account import ADJUSTMENT, LARGEST_AMOUNT, accounts_of, bought
from control_plane.ledger.transfers import Operation, Request, TooManyCoins, fingerprint, hold, post
from control_plane.ledger.wallets import Wallet


class InvalidAdjustment(ControlPlaneError):
    code = "invalid_adjustment"
    kind = ErrorKind.STOPS

    def __init__(self) -> None:
        super().__init__("An adjustment gives one coin or more.")


async def adjust(database: Database, user_id: UserId, coins: int, key: str, note: str = "") -> Wallet:
    """Credit bought coins, idempotent per user and key. `note` is the reason that the ledger keeps.

    Raises InvalidAdjustment, TooManyCoins, IdempotencyConflict and DatabaseUnavailable.
    """
    if coins < 1:
        raise InvalidAdjustment
    if coins > LARGEST_AMOUNT:
        raise TooManyCoins
    request = Request(user_id, Operation.ADJUSTMENT, key, fingerprint(coins=coins), note)
    async with database.transaction() as connection:
        await store.open_accounts(connection, [bought(user_id)])
        held = await hold(connection, request, accounts_of(user_id))
        if held.repeats is not None:
            return held.wallet(user_id)
        posted = await post(connection, held, {ADJUSTMENT: -coins, bought(user_id): coins})
        return posted.wallet(user_id)
