"""Addresses after a rotation of the secret: encrypted again by the job, whatever one of them is."""

from __future__ import annotations

import asyncio

import pytest

from control_plane.base.clock import utc_now
from control_plane.base.ids import UserId
from control_plane.base.signing import Keyring
from control_plane.db.connections import new_connection
from control_plane.db.pool import Database
from control_plane.payouts import store
from control_plane.payouts.resealing import Resealing, reseal_payout_addresses
from control_plane.payouts.sealing import Sealer, Unreadable
from tests.control_plane.payouts.till import MAIL, Till


async def addresses(database: Database, sealer: Sealer, user_id: UserId, payout_id: int) -> list[str]:
    """Of the details and of a request."""
    details = await store.details(database, user_id)
    requested = await store.address_of(database, payout_id)
    assert details is not None
    assert requested is not None
    return [sealer.open(user_id, sealed).value for sealed in (details.address, requested)]


async def test_after_a_rotation_every_address_is_encrypted_with_the_new_secret(database: Database) -> None:
    till = Till(database)
    ann = await till.host(500)
    payout = await till.withdrawing.request(ann, 100)
    till.rotate("b")
    ben = await till.host(500)
    assert await store.keys_in_use(database) == {"a", "b"}
    till.rotate("c")

    for _ in range(2):
        await reseal_payout_addresses.function(Resealing(database, till.sealer))
        assert await store.keys_in_use(database) == {"c"}
    newest_only = Sealer(Keyring(till.sealer.keyring.secrets[:1]))
    assert await addresses(database, newest_only, ann, payout.id) == [MAIL, MAIL]
    later = await till.withdrawing.request(ben, 100)
    assert await addresses(database, newest_only, ben, later.id) == [MAIL, MAIL]


async def test_an_address_that_cannot_be_read_is_told_and_does_not_keep_the_others(database: Database) -> None:
    till = Till(database)
    hosts = [await till.host(0) for _ in range(3)]
    copied = (
        "update payout_detail set sealed = (select sealed from payout_detail where user_id = $1) where user_id = $2"
    )
    await database.execute(copied, hosts[0], hosts[1])
    till.rotate("b")
    with pytest.raises(Unreadable):
        await reseal_payout_addresses.function(Resealing(database, till.sealer))
    rows = await database.fetch("select user_id from payout_detail where key_id = 'b' order by user_id")
    assert [row["user_id"] for row in rows] == [hosts[0], hosts[2]]


async def test_the_servers_that_keep_the_user_are_told_of_another_address_and_not_of_another_secret(
    dsn: str, database: Database
) -> None:
    till, told = Till(database), asyncio.Queue[str]()
    ann = await till.host(0, address="")
    connection = await new_connection(dsn)
    try:
        await connection.add_listener("stagedoor", lambda *notified: told.put_nowait(str(notified[-1])))
        await till.pays_to(ann, MAIL)
        till.rotate("b")
        await reseal_payout_addresses.function(Resealing(database, till.sealer))
        await till.pays_to(ann, "new@example.com", changed_at=utc_now())
        await connection.execute("notify stagedoor, 'last'")
        async with asyncio.timeout(30):
            assert [await told.get() for _ in range(3)] == [f" user [[{ann},0]]"] * 2 + ["last"]
    finally:
        await connection.close()


async def test_the_backlog_is_that_of_open_payouts(database: Database) -> None:
    till = Till(database)
    assert await store.backlog(database) == (0, 0.0, 0)
    payouts = [await till.withdrawing.request(await till.host(500), coins) for coins in (100, 200, 300)]
    await till.desk().approve(payouts[0].id)
    await till.desk().reject(payouts[2].id, "No.")
    backlog = await store.backlog(database)
    assert (backlog.payouts, backlog.coins) == (2, 300)
    assert backlog.oldest_s >= 0
