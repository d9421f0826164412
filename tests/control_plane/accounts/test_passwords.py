"""Passwords: rules, sign-in, change, reset, and the limits of attempts."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from argon2 import PasswordHasher

from control_plane.accounts import password_hashing, passwords_store, store
from control_plane.accounts.claims import Requester
from control_plane.accounts.codes import store as codes_store
from control_plane.accounts.codes.codes import RESEND, Codes, Purpose, WrongCode
from control_plane.accounts.codes.delivery import deliver_code
from control_plane.accounts.codes.metrics import CodeMetrics
from control_plane.accounts.common_passwords import COMMON_PASSWORDS
from control_plane.accounts.notices import About, Notices
from control_plane.accounts.notices_delivery import NoticeDelivery, deliver_notice
from control_plane.accounts.password_hashing import MOST_WAITING, PasswordsBusy, hash_password
from control_plane.accounts.password_rules import LONGEST, WeakPassword, check_password
from control_plane.accounts.passwords import (
    FAILURES_KEPT,
    FROM_UNKNOWN_ORIGINS,
    PER_ACCOUNT_AND_ORIGIN,
    PER_ORIGIN,
    SUCCESSES_KEPT,
    Passwords,
    TooManyAttempts,
    WrongPassword,
)
from control_plane.accounts.sessions import Sessions
from control_plane.accounts.user import NewUser
from control_plane.base.clock import utc_now
from control_plane.base.ids import UserId
from control_plane.base.signing import Keyring, Secret
from control_plane.db.pool import Database, open_pool
from control_plane.delivery.contacts import Channel, Contact
from control_plane.delivery.messenger import Message
from control_plane.observe.metrics import Metrics

RIGHT, WRONG, NEW = "open sesame", "open barley", "close sesame"
MAIL = Contact(Channel.EMAIL, "ann@example.com")
HOME = Requester("192.0.2.1", "android")
HOUR = dt.timedelta(hours=1)


def at(number: int) -> Requester:
    return Requester(f"198.51.{number // 250}.{number % 250}", "android")


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hashes that cost little, because these tests make hundreds."""
    monkeypatch.setattr(password_hashing, "hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    password_hashing._of_nobody.cache_clear()
    yield
    password_hashing._of_nobody.cache_clear()


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hashes that passwords were compared with."""
    hashes = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Any:
            hashes.append(str(hash))
            return super().verify(hash, password)

    monkeypatch.setattr(password_hashing, "hasher", Counting(time_cost=1, memory_cost=8, parallelism=1))
    return hashes


@dataclass
class Gate:
    """Passwords on a clock that the test moves, and the messages about them."""

    database: Database
    now: dt.datetime = field(default_factory=utc_now)
    messages: list[tuple[Contact, Message]] = field(default_factory=list)
    channels = frozenset(Channel)

    def __post_init__(self) -> None:
        self.codes = Codes(
            self.database, b"s" * 32, self.channels, deliver_code, CodeMetrics(Metrics()), lambda: self.now
        )
        self.notices = Notices(self.database, self.channels, deliver_notice, lambda: self.now)
        sessions = Sessions(Keyring((Secret("s", b"s" * 32),)), self.database, 3600)
        self.passwords = Passwords(self.database, sessions, self.codes, self.notices, lambda: self.now)

    async def user(self, username: str = "ann", password: str | None = RIGHT, **contacts: Any) -> UserId:
        hashed = await hash_password(password) if password else None
        async with self.database.transaction() as connection:
            return await store.create(connection, NewUser(username=username, password_hash=hashed, **contacts), [])

    def sign_in(self, name: str = "ann", password: str = RIGHT, who: Requester = HOME) -> Awaitable[UserId]:
        return self.passwords.sign_in(name, password, who)

    async def fails(self, times: int, name: str = "ann", who: Requester = HOME) -> None:
        for _ in range(times):
            with pytest.raises(WrongPassword):
                await self.sign_in(name, WRONG, who)

    async def send(self, to: Contact, message: Message) -> None:
        self.messages.append((to, message))

    async def deliver_notices(self) -> list[str]:
        rows = await self.database.fetch(
            "delete from pgqueuer where entrypoint = $1 returning payload", "deliver_notice"
        )
        for row in rows:
            await deliver_notice.bind(NoticeDelivery(self.notices, self, "Stagedoor")).run(row["payload"])
        return [message.text for _, message in self.messages]

    async def code(self, contact: Contact = MAIL) -> str:
        self.now += RESEND
        await self.passwords.send_reset(contact, HOME)
        code_id = await self.database.fetchval("select max(id) from contact_code where closed_at is null")
        sent = await codes_store.by_id(self.database, code_id)
        assert sent is not None
        return self.codes.text(sent)


@pytest.fixture
def gate(database: Database) -> Gate:
    return Gate(database)


@pytest.mark.parametrize("name", ["ann", "ANN", "@ann", "ann@example.com", " Ann@Example.com ", "+49 151 23456789"])
async def test_an_account_is_found_by_each_of_its_names(gate: Gate, name: str) -> None:
    ann = await gate.user(email="ann@example.com", phone="+4915123456789")
    assert await gate.sign_in(name) == ann
    with pytest.raises(WrongPassword):
        await gate.sign_in(name, WRONG)


async def test_the_same_letters_from_another_keyboard_are_the_same_password(gate: Gate) -> None:
    ann = await gate.user(password="ca\u0301fe\u0301 creme")
    assert await gate.sign_in(password="c\u00e1f\u00e9 creme") == ann


@pytest.mark.parametrize("name", ["", "nobody", "nobody@example.com", "+4915123456780", "@", "a@b@c", "+1", "\u202e"])
async def test_an_unknown_name_a_user_without_password_and_a_wrong_password_are_alike(
    dsn: str, gate: Gate, name: str
) -> None:
    await gate.user(email="ann@example.com")
    await gate.user("social", None)
    answers = []
    for tried in ("ann", "social", name):
        one = await open_pool(dsn, size=1)
        statements: list[str] = []
        async with one.connection() as connection:
            connection.add_query_logger(lambda logged, into=statements: into.append(logged.query))
        with pytest.raises(WrongPassword) as error:
            await Gate(one).sign_in(tried, WRONG)
        answers.append((str(error.value), statements))
        await one.close()
    assert answers[0] == answers[1] == answers[2]
    assert len(answers[0][1]) > 4, "the statements were seen"


async def test_a_hash_is_verified_for_an_unknown_name_too(gate: Gate, verified: list[str]) -> None:
    await gate.user()
    for name in ("ann", "nobody"):
        await gate.fails(1, name)
    assert len(verified) == 2


async def test_a_hash_with_weaker_parameters_is_replaced_at_sign_in(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await gate.user()
    monkeypatch.setattr(password_hashing, "hasher", PasswordHasher(time_cost=2, memory_cost=16, parallelism=1))
    await gate.fails(1)
    for _ in range(2):
        assert await gate.sign_in() == ann
        stored = await gate.database.fetchval("select password_hash from app_user where id = $1", ann)
        assert "m=16,t=2" in stored


# ── limits ──


async def test_wrong_passwords_from_one_address_are_limited_and_lock_nobody_else_out(gate: Gate) -> None:
    ann, bob = await gate.user(), await gate.user("bob")
    attacker = at(1)
    await gate.fails(PER_ACCOUNT_AND_ORIGIN, who=attacker)
    with pytest.raises(TooManyAttempts):
        await gate.sign_in(who=attacker)
    assert await gate.sign_in(who=HOME) == ann
    assert await gate.sign_in("bob", who=attacker) == bob
    gate.now += dt.timedelta(minutes=15)
    assert await gate.sign_in(who=attacker) == ann


async def test_guesses_at_the_same_time_are_all_counted_before_they_are_verified(
    gate: Gate, verified: list[str]
) -> None:
    await gate.user()
    results = await asyncio.gather(
        *(gate.sign_in(password=WRONG) for _ in range(3 * PER_ACCOUNT_AND_ORIGIN)), return_exceptions=True
    )
    assert sum(isinstance(result, WrongPassword) for result in results) == PER_ACCOUNT_AND_ORIGIN
    assert sum(isinstance(result, TooManyAttempts) for result in results) == 2 * PER_ACCOUNT_AND_ORIGIN
    assert len(verified) == PER_ACCOUNT_AND_ORIGIN
    assert await gate.database.fetchval("select count(*) from password_attempt") == PER_ACCOUNT_AND_ORIGIN, (
        "a refused one adds no row"
    )


async def test_one_address_cannot_try_a_password_with_many_accounts(gate: Gate) -> None:
    ann, neighbour = await gate.user(), await gate.user("neighbour")
    await gate.sign_in("neighbour", who=at(1))
    for number in range(PER_ORIGIN):
        await gate.fails(1, f"user{number}", at(1))
    with pytest.raises(TooManyAttempts):
        await gate.sign_in("another", WRONG, at(1))
    with pytest.raises(TooManyAttempts):
        await gate.sign_in(who=at(1))
    assert await gate.sign_in() == ann
    assert await gate.sign_in("neighbour", who=at(1)) == neighbour, "who has signed in from there before goes on"
    gate.now += HOUR
    assert await gate.sign_in(who=at(1)) == ann


async def test_many_addresses_cannot_guess_on_and_do_not_lock_out_the_owners_own(gate: Gate) -> None:
    ann = await gate.user()
    assert await gate.sign_in() == ann
    for number in range(FROM_UNKNOWN_ORIGINS):
        await gate.fails(1, who=at(number))
    with pytest.raises(TooManyAttempts):
        await gate.sign_in(who=at(FROM_UNKNOWN_ORIGINS))
    await gate.fails(PER_ACCOUNT_AND_ORIGIN - 1)
    assert await gate.sign_in() == ann
    gate.now += HOUR
    assert await gate.sign_in(who=at(FROM_UNKNOWN_ORIGINS)) == ann


async def test_a_success_clears_the_failures_of_its_own_account_only(gate: Gate) -> None:
    await gate.user()
    await gate.user("mine")
    for _ in range(2):
        await gate.fails(PER_ACCOUNT_AND_ORIGIN - 1, "mine")
        await gate.sign_in("mine")
    await gate.fails(PER_ACCOUNT_AND_ORIGIN)
    await gate.sign_in("mine")
    with pytest.raises(TooManyAttempts):
        await gate.sign_in()


async def test_a_flood_is_refused_before_it_is_counted(gate: Gate) -> None:
    await gate.user()
    release = asyncio.Event()
    loop = asyncio.get_running_loop()
    waiting = [
        asyncio.create_task(
            password_hashing._in_a_thread(lambda: asyncio.run_coroutine_threadsafe(release.wait(), loop).result())
        )
        for _ in range(MOST_WAITING)
    ]
    await asyncio.sleep(0)
    with pytest.raises(PasswordsBusy, match="try again in a moment"):
        await gate.sign_in()
    assert await gate.database.fetchval("select count(*) from password_attempt") == 0
    release.set()
    await asyncio.gather(*waiting)
    await gate.sign_in()


async def test_old_attempts_are_deleted_and_a_known_address_is_known_for_longer(gate: Gate) -> None:
    await gate.user()
    await gate.sign_in()
    await gate.fails(1, who=at(1))
    gate.now += FAILURES_KEPT + HOUR
    await gate.passwords.delete_old()
    assert await gate.database.fetchval("select array_agg(failed) from password_attempt") == [False]
    gate.now += SUCCESSES_KEPT
    await gate.passwords.delete_old()
    assert await gate.database.fetchval("select count(*) from password_attempt") == 0


async def test_a_removed_person_leaves_no_attempts(gate: Gate) -> None:
    ann = await gate.user("Ann", email="ann@example.com", phone="+4915123456789")
    for name in ("Ann", "Ann@example.com", "+4915123456789"):
        await gate.sign_in(name)
    await gate.passwords.change(ann, RIGHT, NEW, HOME)
    await gate.user("bob")
    await gate.sign_in("bob")
    async with gate.database.transaction() as connection:
        await passwords_store.forget_person(connection, ann)
    assert await gate.database.fetchval("select count(*) from password_attempt") == 1


# ── rules ──


@pytest.mark.parametrize(
    "password",
    [
        *("", "short", "1234567", "x" * (LONGEST + 1), "aaaaaaaa", "abababab", "password", "PassWord1", "12345678"),
        *("ann-marie", "Ann-Marie", "annmarie@example.com", "AnnMarie", "+4915123456789"),
    ],
)
def test_a_weak_password_is_refused(password: str) -> None:
    with pytest.raises(WeakPassword):
        check_password(password, "ann-marie", "annmarie@example.com", "+4915123456789")


@pytest.mark.parametrize(
    "password", ["open sesame", "8 chars!", "x1" + "y" * (LONGEST - 2), "Пароль-мой", "密码密码密码一二三"]
)
def test_any_other_password_is_accepted(password: str) -> None:
    check_password(password, "ann-marie", "", "")


def test_the_common_ones_could_be_chosen_otherwise() -> None:
    assert all(len(word) >= 8 and word == word.casefold() for word in COMMON_PASSWORDS)
    assert len(COMMON_PASSWORDS) > 150


# ── change and reset ──


async def test_a_password_is_changed_with_the_old_one_and_the_owner_gets_word(gate: Gate) -> None:
    ann = await gate.user(email=MAIL.address)
    with pytest.raises(WrongPassword):
        await gate.passwords.change(ann, WRONG, NEW, HOME)
    with pytest.raises(WeakPassword):
        await gate.passwords.change(ann, RIGHT, "password", HOME)
    assert await gate.deliver_notices() == []
    await gate.passwords.change(ann, RIGHT, NEW, HOME)
    assert await gate.sign_in(password=NEW) == ann
    (text,) = await gate.deliver_notices()
    assert gate.messages[0][0] == MAIL
    assert text.startswith("The password of your Stagedoor account was changed. It happened on")
    assert "Was this you?" in text
    assert NEW not in text


async def test_guesses_of_the_old_password_are_limited(gate: Gate) -> None:
    ann = await gate.user()
    for _ in range(PER_ACCOUNT_AND_ORIGIN):
        with pytest.raises(WrongPassword):
            await gate.passwords.change(ann, WRONG, NEW, HOME)
    with pytest.raises(TooManyAttempts):
        await gate.passwords.change(ann, RIGHT, NEW, HOME)


async def test_an_account_without_a_password_is_told_how_to_get_one(gate: Gate) -> None:
    ann = await gate.user(password=None)
    with pytest.raises(WrongPassword, match="Forgot password"):
        await gate.passwords.change(ann, "", NEW, HOME)


async def test_a_code_resets_the_password_once(gate: Gate) -> None:
    ann = await gate.user(email=MAIL.address)
    assert await gate.passwords.check_reset(MAIL, await gate.code(), HOME) == ann
    with pytest.raises(WrongCode):
        await gate.passwords.reset(MAIL, "", NEW, at(1))
    with pytest.raises(WeakPassword):
        await gate.passwords.reset(MAIL, "", "12345678", HOME)
    results = await asyncio.gather(
        *(gate.passwords.reset(MAIL, "", f"{NEW} {number}", HOME) for number in range(5)), return_exceptions=True
    )
    (winner,) = [number for number, result in enumerate(results) if result == ann]
    assert sum(isinstance(result, WrongCode) for result in results) == 4
    assert await gate.sign_in(password=f"{NEW} {winner}") == ann
    assert len(await gate.deliver_notices()) == 1


async def test_a_code_can_come_with_the_new_password(gate: Gate) -> None:
    ann = await gate.user(email=MAIL.address)
    assert await gate.passwords.reset(MAIL, await gate.code(), NEW, at(1)) == ann
    assert await gate.sign_in(password=NEW) == ann


async def test_a_reset_does_not_tell_who_has_an_account(dsn: str, gate: Gate) -> None:
    await gate.user(email=MAIL.address)
    unknown = Contact(Channel.EMAIL, "nobody@example.com")
    logs = []
    for contact in (MAIL, unknown):
        one = await open_pool(dsn, size=1)
        statements: list[str] = []
        async with one.connection() as connection:
            connection.add_query_logger(lambda logged, into=statements: into.append(logged.query))
        desk = Gate(one)
        await desk.passwords.send_reset(contact, HOME)
        for attempt in (desk.passwords.check_reset(contact, "x", HOME), desk.passwords.reset(contact, "", NEW, HOME)):
            with pytest.raises(WrongCode):
                await attempt
        logs.append(statements)
        await one.close()
    assert logs[0] == logs[1]
    assert len(logs[0]) > 8
    gate.now = utc_now()
    with pytest.raises(WrongCode):
        await gate.passwords.reset(unknown, await gate.code(unknown), NEW, HOME)


async def test_a_code_for_something_else_resets_no_password(gate: Gate) -> None:
    ann = await gate.user(email=MAIL.address)
    for purpose, user_id in [(Purpose.SIGN_IN, None), (Purpose.CHANGE_CONTACT, ann)]:
        gate.now += RESEND
        await gate.codes.send(MAIL, purpose, HOME, user_id=user_id)
        sent = (await gate.codes.newest(1))[0]
        code = gate.codes.text(sent)
        with pytest.raises(WrongCode):
            await gate.passwords.reset(MAIL, code, NEW, HOME)
        await gate.codes.confirm(MAIL, purpose, code, HOME, user_id=user_id)
        with pytest.raises(WrongCode):
            await gate.passwords.reset(MAIL, "", NEW, HOME)


async def test_old_notices_are_deleted(gate: Gate) -> None:
    async with gate.database.transaction() as connection:
        await gate.notices.send(connection, About.EMAIL_CHANGED, [MAIL])
    gate.now += dt.timedelta(days=3)
    await gate.notices.delete_old()
    assert await gate.deliver_notices() == [], "a notice that is gone is not sent"
