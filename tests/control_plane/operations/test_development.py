"""From development mode to production: what development mode granted is revoked, and nothing else."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from control_plane.accounts import devices
from control_plane.accounts import store as accounts
from control_plane.accounts.caller import Role
from control_plane.accounts.claims import Claims
from control_plane.accounts.sessions import Sessions
from control_plane.accounts.sign_in import SignIn, UnprovenClaims
from control_plane.accounts.user import Identity, NewUser
from control_plane.base.ids import UserId
from control_plane.base.signing import Keyring, Secret
from control_plane.db.pool import Database
from control_plane.ledger.transfers import NotEnoughCoins
from control_plane.ledger.wallets import Wallet, wallet, wallets
from control_plane.operations import audit
from control_plane.operations.audit import Act, Actor
from control_plane.operations.development import make_fit_for_production
from control_plane.operations.free_coins import LedgerIsWrong
from control_plane.operations.installation import UsedInDevelopment, check_mode
from control_plane.payments.packages_store import seed_packages
from control_plane.payouts.model import State
from control_plane.storage.files import Files
from control_plane.storage.places import Folder
from control_plane.streams import store as streams
from control_plane.streams.keys import StreamKeys
from control_plane.videos.deletion import VideoDeletion
from stagedoor.demo.town import add_town
from tests.control_plane.gifts.stage import ROSE, Stage, order
from tests.control_plane.live.readers import new_stream
from tests.control_plane.payments.shopping import Shopping
from tests.control_plane.payouts.till import MAIL, Till
from tests.postgres import as_owner, by_superuser
from tests.stagedoor.demo.samples import sample_files

OPERATOR = Actor("cli:test")
KEYRING = Keyring((Secret("s", b"s" * 32),))


class Market(Stage):
    """Gift test data with two stores: one takes money, one does not."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.shopping = Shopping(database)

    async def open(self) -> None:
        await super().open()
        async with self.database.transaction() as connection:
            await seed_packages(connection)

    @property
    def paid(self) -> int:
        return len(self.shopping.real.sold)

    async def buy(self, user_id: UserId) -> str:
        """100 coins. Returns the transaction id."""
        return await self.shopping.buy(user_id, self.shopping.real.sell())

    async def get_free(self, user_id: UserId) -> str:
        """100 coins. Returns the receipt."""
        return await self.shopping.buy(user_id, await self.shopping.sandbox_receipt(user_id))

    async def give(self, giver: UserId, receiver: UserId, coins: int) -> None:
        await self.gifts.send(order(giver, receiver, ROSE, coins))


@pytest.fixture
async def dsn(dsn: str) -> str:
    """As the owner, as whom `stagedoor database production` works."""
    return as_owner(dsn)


@pytest.fixture
def files(database: Database, tmp_path: Path) -> Files:
    return Files(Folder(tmp_path / "media"), database)


@pytest.fixture
async def market(database: Database) -> AsyncIterator[Market]:
    await check_mode(database, dev=True)
    market = Market(database)
    await market.open()
    yield market
    await market.close()


async def test_free_coins_are_taken_back_wherever_they_went(market: Market, database: Database, files: Files) -> None:
    anna, (star, _) = await market.user(), await market.star()
    fan, (other, _) = await market.user(), await market.star()
    await market.buy(anna)
    await market.get_free(anna)
    await market.give(anna, star, 150)  # the 100 free ones, then 50 that were paid for
    await market.give(star, other, 30)  # of these, free ones
    await market.get_free(fan)
    await market.give(fan, other, 40)
    assert await market.audit() == 300

    taken_back = await make_fit_for_production(database, files, OPERATOR)
    assert taken_back is not None
    assert (taken_back.coins, taken_back.holders) == (200, 3)
    assert await wallets(database, [anna, star, fan, other]) == {
        anna: Wallet(bought=50),
        star: Wallet(earned=50),
        fan: Wallet(),
        other: Wallet(),
    }
    assert await market.audit() == 100, "what was paid for"
    with pytest.raises(NotEnoughCoins):
        await market.give(fan, other, 1)
    await market.give(anna, star, 50)


async def test_a_phone_that_anyone_could_claim_for_any_user_is_forgotten(
    market: Market, database: Database, files: Files
) -> None:
    anna, ben = await market.user(), await market.user()
    await devices.claim(database, ben, "before", "ios", "1", "")
    await database.execute("update device set seen_at = now() - interval '1 day'")
    await devices.claim(database, anna, "a stranger's phone", "android", "1", "")
    await make_fit_for_production(database, files, OPERATOR)
    assert [row["token"] for row in await database.fetch("select token from device")] == ["before"]
    people = await accounts.by_ids(database, [anna, ben])
    assert [people[anna].device_token, people[ben].device_token] == ["", "before"]


async def test_free_coins_are_not_paid_out(market: Market, database: Database, files: Files) -> None:
    """A payout that is rejected returns the free coins as free ones, and nothing is paid to an address of these days."""
    fan, (star, _), (other, _) = await market.user(), await market.star(), await market.star()
    till = Till(database, least=1)
    await database.execute("update app_user set dob = '1990-05-17'")
    await market.get_free(fan)
    await market.buy(fan)
    await market.give(fan, star, 60)
    await market.give(fan, other, 90)  # 40 of them free
    for user_id in (star, other):
        await till.pays_to(user_id, MAIL)
    early = await till.withdrawing.request(star, 50)
    await till.desk().reject(early.id, "No.")
    late = await till.withdrawing.request(other, 80)
    await till.desk().approve(late.id)

    taken_back = await make_fit_for_production(database, files, OPERATOR)

    assert taken_back is not None
    assert taken_back.coins == 100
    assert await wallets(database, [star, other]) == {star: Wallet(), other: Wallet(earned=50)}
    assert (await till.desk().get(late.id)).state is State.REJECTED
    assert await database.fetchval("select count(*) from payout_detail") == 0
    assert await market.audit() == 100


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_was_given_to_whom_what_was_paid_for_remains(
    market: Market, database: Database, seed: int, files: Files
) -> None:
    chances = random.Random(seed)
    people = [(await market.star())[0] for _ in range(4)]
    for _ in range(60):
        who, whom = chances.sample(people, 2)
        try:
            match chances.randrange(6):
                case 0:
                    await market.buy(who)
                case 1:
                    await market.get_free(who)
                case _:
                    await market.give(who, whom, chances.randint(1, 120))
        except NotEnoughCoins:
            continue
    free = await market.audit() - 100 * market.paid
    taken_back = await make_fit_for_production(database, files, OPERATOR)
    assert taken_back is not None
    assert taken_back.coins == free > 0
    assert await market.audit() == 100 * market.paid


async def test_refunds_are_of_the_coins_that_were_bought(market: Market, database: Database, files: Files) -> None:
    """The refund of a paid purchase takes paid coins, that of a sandbox purchase free ones."""
    anna, ben, (star, _) = await market.user(), await market.user(), await market.star()
    paid = await market.buy(anna)
    await market.get_free(anna)
    await market.shopping.refund(paid)
    free = await market.get_free(ben)
    await market.buy(ben)
    sandbox = market.shopping.sandbox
    await market.shopping.notifications.take("sandbox", await sandbox.change(free, refunded_coins=40))
    await market.shopping.due.work()
    await market.give(ben, star, 100)  # the 60 free ones that are left, then 40 that were paid for
    assert await market.audit() == 100 + 160

    taken_back = await make_fit_for_production(database, files, OPERATOR)
    assert taken_back is not None
    assert (taken_back.coins, taken_back.holders) == (160, 2)
    assert await wallets(database, [anna, ben, star]) == {
        anna: Wallet(),
        ben: Wallet(bought=60),
        star: Wallet(earned=40),
    }
    assert await market.audit() == 100, "what was paid for and not refunded"


async def test_a_debt_that_free_coins_paid_is_owed_again(market: Market, database: Database, files: Files) -> None:
    anna, (star, _) = await market.user(), await market.star()
    paid = await market.buy(anna)
    await market.give(anna, star, 70)
    await market.shopping.refund(paid)
    await market.get_free(anna)
    assert await wallet(database, anna) == Wallet(bought=30)
    await make_fit_for_production(database, files, OPERATOR)
    assert await wallet(database, anna) == Wallet(debt=70)
    assert await market.audit() == 0


async def test_twice_takes_nothing_more(market: Market, database: Database, files: Files) -> None:
    anna = await market.user()
    await market.get_free(anna)
    assert await make_fit_for_production(database, files, OPERATOR) is not None
    assert await make_fit_for_production(database, files, OPERATOR) is None, "it is fit"
    await check_mode(database, dev=True)
    await market.get_free(anna)
    await market.buy(anna)
    again = await make_fit_for_production(database, files, OPERATOR)
    assert again is not None
    assert again.coins == 100
    assert await wallet(database, anna) == Wallet(bought=100)


async def test_a_ledger_that_does_not_add_up_changes_nothing(market: Market, database: Database, files: Files) -> None:
    anna = await market.user()
    await market.get_free(anna)
    change = f"update ledger_account set balance = 1000 where owner_id = {anna}"
    await by_superuser(database, f"set session_replication_role = replica; {change}")
    with pytest.raises(LedgerIsWrong, match="Nothing was changed"):
        await make_fit_for_production(database, files, OPERATOR)
    with pytest.raises(UsedInDevelopment):
        await check_mode(database, dev=False)


# ── people ──


async def added(database: Database, new: NewUser, *identities: Identity) -> UserId:
    async with database.transaction() as connection:
        return await accounts.create(connection, new, identities)


async def test_users_of_development_mode_cannot_sign_in_to_production(
    database: Database, files: Files, tmp_path: Path
) -> None:
    await check_mode(database, dev=True)
    await add_town(database, files, sample_files(tmp_path))
    early = await added(database, NewUser(username="early", email="early@example.com"), Identity("google", "e"))
    for table, column in (("app_user", "id"), ("user_identity", "user_id")):
        await database.execute(f"update {table} set created_at = '2026-01-01' where {column} = $1", early)
    sessions = Sessions(KEYRING, database, ttl_s=1000)
    sign_in = SignIn(database, sessions, [UnprovenClaims()], believes_claims=True)
    boss = (await sign_in.sign_in(Claims(auth_token="dev:boss"))).user
    claims = Claims(
        username="squatter", email="ceo@example.com", password="known to all", social="google", social_id="ceo"
    )
    squatter = (await sign_in.sign_in(claims)).user
    carol = await added(database, NewUser(username="carol", email="carol@example.com"))
    async with database.transaction() as connection:
        await audit.record(connection, OPERATOR, Act.USER_ADDED, audit.user(carol))
    for user_id in (boss.id, early):
        async with database.transaction() as connection:
            await accounts.set_role(connection, user_id, Role.OPERATOR)
    tokens = [await sessions.issue(user_id) for user_id in (early, boss.id, squatter.id, carol)]
    stream = await streams.get(database, await new_stream(database, boss.id))
    assert stream is not None
    key = StreamKeys(KEYRING).issue(stream.id, stream.key_version, stream.key_salt)

    taken_back = await make_fit_for_production(database, files, OPERATOR)
    assert taken_back is not None
    assert taken_back.operators == ["boss", "early"]
    assert (taken_back.demo_people, taken_back.accounts) == (40, 2)
    assert (taken_back.coins, taken_back.holders) == (400_000, 40)
    await check_mode(database, dev=False)

    after = Sessions(KEYRING, database, ttl_s=1000)
    assert [await after.identify(token) for token in tokens] == [None] * 4
    stream_now = await streams.get(database, stream.id)
    assert stream_now is not None
    assert not StreamKeys(KEYRING).verify(key, stream.id, stream_now.key_version, stream_now.key_salt)
    for way in [Identity("dev", "boss"), Identity("google", "ceo"), Identity("demo", "ada"), Identity("dev", "ada")]:
        assert await accounts.id_by_identity(database, way) is None
    assert await accounts.id_by_identity(database, Identity("google", "e")) == early, "proven before"
    found = await accounts.by_ids(database, [early, boss.id, squatter.id, carol])
    assert {user.username: user.email for user in found.values()} == {
        "early": "early@example.com",
        "boss": "",
        "squatter": "",
        "carol": "carol@example.com",
    }
    assert {user.role for user in found.values()} == {Role.USER}
    assert await database.fetchval("select count(*) from app_user where password_hash is not null") == 0
    assert await accounts.holder_of_name(database, "ada") is None, "her name is free"
    assert await database.fetchval("select count(*) from app_user where banned_at is not null") == 40
    assert await database.fetchval("select count(*) from stored_file where state <> 'deleting'") == 0, "no pictures"
    left = "profile_pic || profile_gif || profile_video || bio || website || city || country <> '' or dob is not null or verified"
    assert await database.fetchval(f"select count(*) from app_user where {left}") == 0
    assert await database.fetchval("select count(*) from user_interest") == 0
    await VideoDeletion(database, files, dt.timedelta(days=1)).remove_due()
    for table in (
        "video",
        "follow",
        "follow_request",
        "block",
        "profile_visit",
        "inbox_entry",
        "message",
        "conversation",
    ):
        assert await database.fetchval(f"select count(*) from {table}") == 0
    assert await database.fetchval("select count(*) from ledger_account where balance > 0") == 0
    (entry,) = await audit.latest(database, 1)
    assert (entry.actor, entry.act) == (OPERATOR, "database.made_fit_for_production")
    assert (entry.detail["coins"], entry.detail["operators"]) == (400_000, "boss early")
    assert await after.identify(await after.issue(carol)) is not None, "whom the operator knows"


async def test_pictures_of_other_servers_are_cleared(database: Database, files: Files) -> None:
    await check_mode(database, dev=True)
    own = "pictures/ab/ab.jpg"
    given = ["https://tracker.example.com/a.jpg", "HTTP://tracker.example.com/b.jpg", own, ""]
    people = [
        await added(database, NewUser(username=f"user{number}", profile_pic=picture))
        for number, picture in enumerate(given)
    ]
    taken_back = await make_fit_for_production(database, files, OPERATOR)
    assert taken_back is not None
    assert taken_back.pictures == 2
    found = await accounts.by_ids(database, people)
    assert [found[user_id].profile_pic for user_id in people] == ["", "", own, ""]


async def test_production_is_left_alone(database: Database, files: Files) -> None:
    await check_mode(database, dev=False)
    user_id = await added(database, NewUser(username="anna"), Identity("google", "a"))
    sessions = Sessions(KEYRING, database, ttl_s=1000)
    token = await sessions.issue(user_id)
    assert await make_fit_for_production(database, files, OPERATOR) is None
    assert await Sessions(KEYRING, database, ttl_s=1000).identify(token) is not None
    assert await audit.latest(database, 1) == []
