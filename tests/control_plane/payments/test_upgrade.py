"""A database of an earlier release: what was sold keeps its terms, and is credited no second time."""

from __future__ import annotations

import asyncpg
import pytest

from control_plane.base.ids import UserId
from control_plane.db import migrate as migrating
from control_plane.db.migrate import migrate, migrations
from control_plane.db.pool import open_pool
from tests.control_plane.payments.shopping import Shopping
from tests.postgres import EMPTY, TestPostgres, as_owner

STORES = 27
OF_AN_EARLIER_RELEASE = """
    insert into app_user (username) values ('ann');
    insert into coin_package (id, product_id, title, coins, price_minor) values (1, 'coins_100', '100 coins', 100, 99);
    insert into ledger_account (owner_id, kind, balance) values (1, 'bought', 0);
    insert into ledger_transfer (user_id, operation, idempotency_key, fingerprint) values (1, 'purchase', 'k', '');
    update ledger_account set balance = 100 where owner_id = 1;
    insert into ledger_entry (transfer_id, account_id, amount, balance_after)
    select 1, id, case when owner_id is null then -100 else 100 end, balance from ledger_account where owner_id = 1 or kind = 'store';
    insert into purchase (user_id, store, transaction_id, product_id, coins, price_minor, currency, transfer_id)
    values (1, 'real', 'real1', 'coins_100', 100, 99, 'USD', 1);
"""


async def test_purchases_of_an_earlier_release(postgres: TestPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    async with postgres.database(EMPTY) as dsn:
        owner = as_owner(dsn)
        earlier = [migration for migration in migrations() if migration.version < STORES]
        with monkeypatch.context() as patch:
            patch.setattr(migrating, "migrations", lambda: earlier)
            await migrate(owner)
        connection = await asyncpg.connect(owner)
        await connection.execute(OF_AN_EARLIER_RELEASE)
        await connection.close()
        await migrate(owner)

        database = await open_pool(owner, 4)
        shopping = Shopping(database)
        sold = shopping.real.sell()
        bought = await shopping.present(UserId(1), sold)
        assert (bought.replayed, bought.wallet.bought) == (True, 100)
        assert (bought.purchase.title, bought.purchase.bought_at) == ("100 coins", bought.purchase.created_at)
        await shopping.refund(sold)
        assert (await shopping.present(UserId(1), shopping.real.sell())).wallet.bought == 100
        await database.close()
