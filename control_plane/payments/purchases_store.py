"""SQL of purchases, and of what stores answered about their transactions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from control_plane.base.errors import present
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database, Row
from control_plane.ledger.account import Kind, TransferId
from control_plane.ledger.wallets import Wallet
from control_plane.payments.sale import Product, Purchase
from control_plane.payments.stores.model import StoreTransaction

_COLUMNS = """
    id, user_id, store, transaction_id, product_id, title, coins, price_minor, currency, device, refunded_coins, bought_at,
    created_at
"""
_TITLE = "case when quantity = 1 then title else quantity || ' × ' || title end as title"
_TITLES = f"""
    select transfer_id, {_TITLE} from purchase where transfer_id = any($1::bigint[])
    union all
    select change.transfer_id, {_TITLE} from purchase_change change join purchase on purchase.id = purchase_id
    where change.transfer_id = any($1::bigint[])
"""
_FIND_PURCHASE = f"select {_COLUMNS} from purchase where store = $1 and transaction_id = $2"
_RECORD_PURCHASE = f"""
    insert into purchase (user_id, store, transaction_id, package_id, product_id, title, quantity, coins, price_minor,
        currency, device, bought_at, transfer_id)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    returning {_COLUMNS}
"""
_CHANGES = "select count(*) from purchase_change where purchase_id = $1"
_TAKEN = """
    select kind, -sum(amount)::bigint as coins
    from purchase_change change join ledger_entry entry using (transfer_id) join ledger_account account on account.id = account_id
    where purchase_id = $1 and owner_id = $2 group by kind
"""
_RECORD_CHANGE = "insert into purchase_change (transfer_id, purchase_id, coins) values ($1, $2, $3)"
_CHANGE = f"update purchase set refunded_coins = refunded_coins + $2 where id = $1 returning {_COLUMNS}"
# An older question is no answer any more, unless it says the same.
_KEEP_ANSWER = """
    insert into store_transaction as kept
        (store, transaction_id, product_id, quantity, state, refunded, bought_at, asked_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8)
    on conflict (store, transaction_id) do update
    set product_id = excluded.product_id, quantity = excluded.quantity, state = excluded.state, refunded = excluded.refunded,
        bought_at = excluded.bought_at, asked_at = greatest(kept.asked_at, excluded.asked_at)
    where kept.asked_at <= excluded.asked_at
        or (kept.state, kept.refunded, kept.quantity) = (excluded.state, excluded.refunded, excluded.quantity)
    returning true
"""
_TOTALS = """
    select coalesce(sum(price_minor), 0)::bigint as bought_minor,
        coalesce(sum(price_minor::numeric * refunded_coins / coins), 0)::bigint as refunded_minor
    from purchase where user_id = $1 and currency = $2
"""
_NOW = "select clock_timestamp()"
_EXPORT = """
    select id, store, transaction_id, product_id, title, quantity, coins, price_minor, currency, refunded_coins, device,
        bought_at, created_at
    from purchase where user_id = $1 and id < $2::bigint order by id desc limit $3
"""
_FORGET = "update purchase set device = '' where user_id = $1 and device <> ''"


@dataclass(frozen=True, slots=True)
class Answered:
    """What a store answered about one of its transactions."""

    store: str
    reference: str
    """What it was asked for."""
    transaction: StoreTransaction
    asked_at: dt.datetime
    """By the database's clock, before the question."""


async def find_purchase(source: Connection | Database, store: str, transaction_id: str) -> Purchase | None:
    row = await source.fetchrow(_FIND_PURCHASE, store, transaction_id)
    return None if row is None else Purchase(**row)


async def keep_answer(connection: Connection, answered: Answered) -> bool:
    """Keep the answer, and lock the transaction until the end of ours. False: a later question was answered
    differently."""
    said = answered.transaction
    return bool(
        await connection.fetchval(
            _KEEP_ANSWER,
            answered.store,
            said.transaction_id,
            said.product_id,
            said.quantity,
            said.state.value,
            str(said.refunded),
            said.bought_at,
            answered.asked_at,
        )
    )


async def titles_of_transfers(database: Database, transfer_ids: Sequence[TransferId]) -> dict[TransferId, str]:
    """The titles of what was bought or refunded with these transfers."""
    return {row["transfer_id"]: row["title"] for row in await database.fetch(_TITLES, transfer_ids)}


async def record_purchase(
    connection: Connection, user_id: UserId, answered: Answered, sold: Product, device: str, transfer_id: TransferId
) -> Purchase:
    """The caller holds the lock of the transaction, which is not credited yet."""
    said = answered.transaction
    quantity = said.quantity
    row = await connection.fetchrow(
        _RECORD_PURCHASE,
        *(user_id, answered.store, said.transaction_id, sold.package_id, sold.product_id, sold.title),
        *(quantity, sold.coins * quantity, sold.price_minor * quantity, sold.currency),
        *(device, said.bought_at, transfer_id),
    )
    return Purchase(**present(row, "an insert returns its row"))


async def changes(connection: Connection, purchase_id: int) -> int:
    """How often coins of the purchase were taken back or given again."""
    count: int = await connection.fetchval(_CHANGES, purchase_id)
    return count


async def taken(connection: Connection, purchase: Purchase) -> Wallet:
    """What the refunds of the purchase took from each kind of the buyer's coins, without what was given again."""
    rows = {row["kind"]: row["coins"] for row in await connection.fetch(_TAKEN, purchase.id, purchase.user_id)}
    return Wallet(**{kind: max(rows.get(kind, 0), 0) for kind in (Kind.BOUGHT, Kind.EARNED, Kind.REWARD)})


async def record_change(connection: Connection, purchase_id: int, coins: int, transfer_id: TransferId) -> Purchase:
    """`coins` were taken back; below zero: given again."""
    await connection.execute(_RECORD_CHANGE, transfer_id, purchase_id, coins)
    return Purchase(**present(await connection.fetchrow(_CHANGE, purchase_id, coins), "the purchase exists"))


async def totals(database: Database, user_id: UserId, currency: str) -> tuple[int, int]:
    """What the user's purchases in this currency cost, and how much of it was refunded, in hundredths."""
    row = present(await database.fetchrow(_TOTALS, user_id, currency), "an aggregate has a row")
    return row["bought_minor"], row["refunded_minor"]


async def now(database: Database) -> dt.datetime:
    """By the database's clock, as in `Answered`."""
    time: dt.datetime = await database.fetchval(_NOW)
    return time


async def exported_purchases(database: Database, user_id: UserId, before: int, limit: int) -> Sequence[Row]:
    return await database.fetch(_EXPORT, user_id, before, limit)


async def forget_person(connection: Connection, user_id: UserId) -> None:
    """Remove the names of the devices that bought. The purchases stay, because the ledger refers to them."""
    await connection.execute(_FORGET, user_id)
