from __future__ import annotations

import asyncio

from control_plane.db.pool import Database
from control_plane.gifts.assortment import Assortment
from control_plane.gifts.catalogue import CATALOGUE
from control_plane.gifts.store import offered, seed_catalogue


async def seed(database: Database) -> None:
    async with database.transaction() as connection:
        await seed_catalogue(connection)


async def test_the_seeded_catalogue_is_offered_in_its_order(database: Database) -> None:
    await seed(database)

    gifts = await offered(database)

    assert [
        (gift.id, gift.title, gift.coins, gift.category, gift.picture, gift.time_s, gift.featured) for gift in gifts
    ] == [
        (gift.id, gift.title, gift.coins, gift.category, gift.picture, gift.time_s, gift.featured) for gift in CATALOGUE
    ]


async def test_seeding_again_brings_back_what_differs_and_leaves_what_was_withdrawn(database: Database) -> None:
    await seed(database)
    before = await offered(database)
    await database.execute("update gift set title = 'x', coins = 1, position = 99, active = id <> 3")

    await seed(database)

    assert await offered(database) == [gift for gift in before if gift.id != 3]


async def test_the_assortment_is_read_once_per_lifetime_however_many_ask(database: Database) -> None:
    now = 0.0
    await seed(database)
    assortment = Assortment(database, lifetime_s=5, clock=lambda: now)
    first, *others = await asyncio.gather(*(assortment.gifts() for _ in range(20)))
    await database.execute("update gift set active = false where id > 2")

    now = 4.9
    assert await assortment.gifts() is first
    assert all(other is first for other in others)
    now = 5.0
    assert list(await assortment.gifts()) == [1, 2]
