"""The history of a user's coins, compared with sums over the ledger itself."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from random import Random

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.ledger import amounts
from control_plane.ledger.account import PAYOUT_RESERVED, REWARDS, Account, Kind, accounts_of, earned, reward
from control_plane.ledger.history import NEWEST, Movement, history
from control_plane.ledger.store import open_accounts
from control_plane.ledger.transfers import InDebt, NotEnoughCoins, Operation, Request, fingerprint, hold, post
from control_plane.ledger.wallets import Wallet, wallet
from tests.control_plane.people import new_user
from tests.control_plane.watched_database import watched_database

PAGE = 7
_KEYS = count()
_WALLET_AFTER = """
    select coalesce(sum(amount) filter (where kind <> 'debt'), 0)::bigint as wallet,
        coalesce(-sum(amount) filter (where kind = 'debt'), 0)::bigint as debt
    from ledger_entry entry join ledger_account account on account.id = account_id
    where owner_id = $1 and entry.id <= $2
"""
_ENTRIES = """
    select entry.id, kind, amount from ledger_entry entry join ledger_account account on account.id = account_id
    where owner_id = $1 order by entry.id desc
"""


async def move(database: Database, user_id: UserId, operation: Operation, moving: Mapping[Account, int]) -> None:
    others = [account for account in moving if account.owner_id not in (None, user_id)]
    await open_accounts(database, [*accounts_of(user_id), *others])
    async with database.transaction() as connection:
        key = str(next(_KEYS))
        held = await hold(
            connection, Request(user_id, operation, key, fingerprint(key=key)), [*accounts_of(user_id), *others]
        )
        await post(connection, held, moving)


async def anything(database: Database, random: Random, ann: UserId, ben: UserId) -> None:
    """One transfer of any kind between the two and the system. Refusals are part of the game."""
    user_id, other_id = random.sample([ann, ben], 2)
    coins, now = random.randint(1, 50), await wallet(database, user_id)
    try:
        match random.choice(list(Operation)):
            case Operation.PURCHASE | Operation.ADJUSTMENT:
                await move(database, user_id, Operation.PURCHASE, amounts.purchase(now, user_id, 2 * coins))
            case Operation.REFUND:
                await move(database, user_id, Operation.REFUND, amounts.refund(now, user_id, 2 * coins))
            case Operation.REWARD:
                await move(database, user_id, Operation.REWARD, {REWARDS: -1, reward(user_id): 1})
            case Operation.PAYOUT:
                await move(database, user_id, Operation.PAYOUT, {earned(user_id): -coins, PAYOUT_RESERVED: coins})
            case _:
                sent = amounts.gift(now, user_id, other_id, coins, commission_bps=1_000)
                await move(database, user_id, Operation.GIFT, sent)
    except (InDebt, NotEnoughCoins):
        pass


async def all_pages(database: Database, user_id: UserId) -> list[Movement]:
    movements: list[Movement] = []
    before, more = NEWEST, True
    while more:
        page = await history(database, user_id, PAGE, before)
        assert len(page.movements) == PAGE or not page.more
        movements += page.movements
        before, more = movements[-1].id, page.more
    return movements


async def test_every_entry_is_shown_once_with_the_exact_wallet(database: Database) -> None:
    ann, ben = await new_user(database), await new_user(database)
    random = Random(12)
    for user_id, other_id in ((ann, ben), (ben, ann)):
        await move(database, user_id, Operation.PURCHASE, amounts.purchase(Wallet(), user_id, 300))
        gift = amounts.gift(await wallet(database, user_id), user_id, other_id, 50)
        await move(database, user_id, Operation.GIFT, gift)
    for _ in range(150):
        await anything(database, random, ann, ben)
    for user_id in (ann, ben):
        now = await wallet(database, user_id)
        await move(database, user_id, Operation.REFUND, amounts.refund(now, user_id, now.total + 10))
        await move(
            database, user_id, Operation.PURCHASE, amounts.purchase(await wallet(database, user_id), user_id, 60)
        )
    for user_id in (ann, ben):
        movements = await all_pages(database, user_id)
        assert {movement.kind for movement in movements} == {Kind.BOUGHT, Kind.EARNED, Kind.REWARD, Kind.DEBT}
        entries = await database.fetch(_ENTRIES, user_id)
        assert [(one.id, one.kind, one.coins) for one in movements] == [tuple(entry) for entry in entries]
        for movement in movements:
            derived = await database.fetchrow(_WALLET_AFTER, user_id, movement.id)
            assert derived is not None
            assert (movement.wallet, movement.debt) == (derived["wallet"], derived["debt"])
        now = await wallet(database, user_id)
        assert (movements[0].wallet, movements[0].debt) == (now.total, now.debt)


async def test_what_comes_between_two_pages_moves_nothing(database: Database) -> None:
    ann = await new_user(database)
    for coins in range(1, 11):
        await move(database, ann, Operation.PURCHASE, amounts.purchase(Wallet(), ann, coins))
    first = await history(database, ann, 4)
    await move(database, ann, Operation.REWARD, {REWARDS: -3, reward(ann): 3})
    second = await history(database, ann, 4, first.movements[-1].id)
    assert [one.coins for one in (*first.movements, *second.movements)] == [10, 9, 8, 7, 6, 5, 4, 3]
    assert [one.wallet for one in (*first.movements, *second.movements)] == [55, 45, 36, 28, 21, 15, 10, 6]
    assert (await history(database, ann, 4)).movements[0].wallet == 58


async def test_a_page_is_one_query(dsn: str) -> None:
    async with watched_database(dsn) as database:
        ann = await new_user(database)
        before = database.uses
        page = await history(database, ann, PAGE)
        assert (page.movements, page.more, database.uses - before) == ([], False, 1)
