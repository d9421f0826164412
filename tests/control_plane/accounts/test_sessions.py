"""Session tokens: signed by us, not expired, not revoked, and only of their own user."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import hmac
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest

from control_plane.accounts import bans_store, session_store
from control_plane.accounts.caller import Caller, Role, SessionKey, Use
from control_plane.accounts.last_uses import EVERY_S, LastUses
from control_plane.accounts.sessions import LONGEST_TOKEN, SKEW_S, AccountBlocked, Sessions
from control_plane.accounts.user import UserNotFound
from control_plane.base.errors import present
from control_plane.base.ids import UserId
from control_plane.base.signing import Keyring, Secret
from control_plane.bus.postgres import PostgresBus
from control_plane.db.pool import DatabaseUnavailable
from tests.control_plane.people import new_user
from tests.control_plane.watched_database import WatchedDatabase
from tests.postgres import by_owner, disconnect_everyone
from tests.waiting import in_background, until

SECRET, OTHER = Secret("s", b"the secret of this server, 32 b."), Secret("s", b"another secret of another server")
NEWER = Secret("n", b"the secret after the rotation...")
TTL_S = 3600
START = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
NOBODY = UserId(999_999)
PHONE = Use(address="192.0.2.7", country="CH", app="ios", device="Phone 9")


@dataclass
class Clock:
    now: dt.datetime = field(default=START)

    def __call__(self) -> dt.datetime:
        return self.now

    def set(self, seconds: float) -> None:
        """Set the clock, relative to the start."""
        self.now = START + dt.timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def process(database: WatchedDatabase, dsn: str, clock: Clock) -> Callable[[], Sessions]:
    """Sessions of another process, which does not receive messages and caches for the whole test."""
    return lambda: Sessions(Keyring((SECRET,)), database, TTL_S, clock, state_s=3600)


@pytest.fixture
def sessions(process: Callable[[], Sessions]) -> Sessions:
    return process()


@pytest.fixture
async def user_id(database: WatchedDatabase) -> UserId:
    return await new_user(database)


async def refused(sessions: Sessions, token: str) -> None:
    """Wait until the token is refused."""
    async with asyncio.timeout(5):
        while await sessions.identify(token) is not None:  # noqa: ASYNC110  it is about what a caller sees
            await asyncio.sleep(0)


# ── issued and recognised ──


@pytest.mark.parametrize("role", Role)
async def test_a_token_names_its_user_and_their_role(
    sessions: Sessions, database: WatchedDatabase, user_id: UserId, role: Role
) -> None:
    await database.execute("update app_user set role = $2 where id = $1", user_id, role.value)
    assert await sessions.identify(await sessions.issue(user_id)) == Caller(user_id, role)


async def test_a_token_holds_what_other_releases_expect(
    sessions: Sessions, database: WatchedDatabase, user_id: UserId
) -> None:
    token = await sessions.issue(user_id)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "kid": "s", "typ": "JWT"}
    claims = jwt.decode(token, SECRET.value, ["HS256"], audience="session", options={"verify_exp": False})
    salt = await database.fetchval("select session_salt from app_user where id = $1", user_id)
    assert (claims.pop("salt"), len(claims.pop("sid"))) == (salt.hex(), 24)
    issued_at = int(START.timestamp())
    assert claims == {"sub": str(user_id), "aud": "session", "iat": issued_at, "exp": issued_at + TTL_S}


async def test_no_token_is_issued_for_a_user_who_does_not_exist(sessions: Sessions) -> None:
    with pytest.raises(UserNotFound):
        await sessions.issue(NOBODY)


async def test_a_token_costs_one_question_and_then_none(
    process: Callable[[], Sessions], database: WatchedDatabase, user_id: UserId
) -> None:
    token = await process().issue(user_id)
    sessions = process()
    before = database.uses
    for _ in range(10):
        assert await sessions.identify(token) == Caller(user_id)
    assert database.uses == before + 1


async def test_who_calls_often_stays_in_the_cache(
    process: Callable[[], Sessions], database: WatchedDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.accounts.sessions.REMEMBERED", 2)
    sessions = process()
    often, seldom, new = [await sessions.issue(await new_user(database)) for _ in range(3)]
    for token in (often, seldom, often, new):
        await sessions.identify(token)
    before = database.uses
    assert await sessions.identify(often) is not None
    assert database.uses == before, "the least recently used one was evicted, not the oldest"
    assert await sessions.identify(seldom) is not None
    assert database.uses == before + 1


# ── time ──


@pytest.mark.parametrize("used_before", [False, True])
@pytest.mark.parametrize(
    ("seconds", "valid"), [(0, True), (TTL_S - 1, True), (TTL_S - 0.001, True), (TTL_S, False), (TTL_S * 100, False)]
)
async def test_a_token_is_valid_until_it_expires(
    sessions: Sessions, clock: Clock, user_id: UserId, seconds: float, *, valid: bool, used_before: bool
) -> None:
    token = await sessions.issue(user_id)
    if used_before:
        await sessions.identify(token)
    clock.set(seconds)
    assert (await sessions.identify(token) is not None) is valid


async def test_clocks_of_two_servers_may_differ_a_little(sessions: Sessions, clock: Clock, user_id: UserId) -> None:
    token = await sessions.issue(user_id)
    clock.set(-5)
    assert await sessions.identify(token) == Caller(user_id)


# ── forged ──

GOOD = {
    "sub": "1",
    "salt": "00" * 6,
    "sid": "1",
    "aud": "session",
    "iat": START,
    "exp": START + dt.timedelta(seconds=TTL_S),
}


def made(claims: dict[str, Any], secret: Secret = SECRET, **header: Any) -> str:
    """A token made by a holder of the secret."""
    return jwt.encode(claims, secret.value, algorithm="HS256", headers={"kid": secret.key_id, **header})


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != name}


def part(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def raw(header: Any, digest: str = "sha256") -> str:
    """A token signed by hand, which pyjwt would refuse to make."""
    claims = {
        "sub": "1",
        "salt": "00" * 6,
        "sid": "1",
        "aud": "session",
        "iat": int(START.timestamp()),
        "exp": int(START.timestamp()) + TTL_S,
    }
    content = f"{part(header)}.{part(claims)}"
    signature = hmac.new(SECRET.value, content.encode(), digest).digest()
    return f"{content}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def unsigned(algorithm: str) -> str:
    return raw({"alg": algorithm, "typ": "JWT", "kid": "s"}).rpartition(".")[0] + "."


def tampered(at: int) -> str:
    parts = made(GOOD).split(".")
    changed = "A" if parts[at][10] != "A" else "B"
    parts[at] = parts[at][:10] + changed + parts[at][11:]
    return ".".join(parts)


@pytest.mark.parametrize("token", [made(GOOD), raw({"alg": "HS256", "kid": "s"})])
async def test_what_the_forgeries_are_made_from_is_good(
    sessions: Sessions, database: WatchedDatabase, user_id: UserId, token: str
) -> None:
    await database.execute("update app_user set session_salt = $2 where id = $1", user_id, bytes(6))
    await sessions.issue(user_id)
    await database.execute("update session set session_id = '1'")
    assert await sessions.identify(token) == Caller(user_id)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "0",
        "dev:ann",
        "not.a.token",
        "....",
        "é" * 20,
        "\udcff.\udcff.\udcff",
        "a" * 100_000,
        tampered(0),
        tampered(1),
        tampered(2),
        made(GOOD)[:-1],
        made(GOOD).rpartition(".")[0] + ".",
        unsigned("none"),
        unsigned("None"),
        unsigned("HS256"),
        made(GOOD, OTHER),
        raw({"alg": "HS512", "kid": "s"}, "sha512"),
        raw({"alg": "HS512", "kid": "s"}),
        raw({"alg": "none", "kid": "s"}),
        made(GOOD, kid="x"),
        made(GOOD, kid=""),
        made(GOOD, kid="s "),
        raw({"alg": "HS256"}),
        raw({"alg": "HS256", "kid": 7}),
        raw({"kid": "s"}),
        raw(["HS256"]),
        made({**GOOD, "aud": "playback"}),
        made({**GOOD, "aud": ["playback", "else"]}),
        made(without("aud")),
        made(without("exp")),
        made(without("iat")),
        made(without("sub")),
        made(without("salt")),
        made(without("sid")),
        made({**GOOD, "sub": "ann"}),
        made({**GOOD, "sub": ""}),
        made({**GOOD, "exp": "late"}),
        made({**GOOD, "nbf": START + dt.timedelta(days=365 * 200)}),
        made({**GOOD, "padding": "x" * LONGEST_TOKEN}),
    ],
)
async def test_a_foreign_token_is_refused_without_a_query(
    sessions: Sessions, database: WatchedDatabase, user_id: UserId, token: str
) -> None:
    assert user_id == 1, "whom the forgeries name"
    before = database.uses
    assert await sessions.identify(token) is None
    assert database.uses == before


async def test_the_token_of_a_deleted_user_is_not_valid(
    process: Callable[[], Sessions], database: WatchedDatabase, user_id: UserId
) -> None:
    assert await process().identify(made({**GOOD, "sub": str(NOBODY)})) is None
    token = await process().issue(user_id)
    await database.execute("delete from app_user where id = $1", user_id)
    assert await process().identify(token) is None


async def test_after_a_rotation_old_tokens_go_on_until_their_secret_is_dropped(
    database: WatchedDatabase, dsn: str, clock: Clock, user_id: UserId
) -> None:
    before, after, dropped = (
        Sessions(Keyring(ring), database, TTL_S, clock) for ring in ((SECRET,), (NEWER, SECRET), (NEWER,))
    )
    old, new = await before.issue(user_id), await after.issue(user_id)
    assert jwt.get_unverified_header(new)["kid"] == "n"
    for sessions, recognised in ((before, (True, False)), (after, (True, True)), (dropped, (False, True))):
        assert (await sessions.identify(old) is not None, await sessions.identify(new) is not None) == recognised


async def test_a_token_of_an_earlier_row_with_the_same_id_is_not_valid(
    process: Callable[[], Sessions], database: WatchedDatabase, user_id: UserId
) -> None:
    """A restored backup gives ids out again, under the same secrets."""
    token = await process().issue(user_id)
    await database.execute("delete from app_user where id = $1", user_id)
    await by_owner(database, f"select setval(pg_get_serial_sequence('app_user', 'id'), {user_id}, false)")
    assert await new_user(database) == user_id
    assert await process().identify(token) is None
    assert await process().identify(await process().issue(user_id)) == Caller(user_id)


# ── signed out ──


async def renewed(sessions: Sessions, token: str) -> str:
    caller_and_token = await sessions.renew(token)
    assert caller_and_token is not None
    return caller_and_token[1]


async def test_signing_out_ends_a_session_with_all_tokens_that_renewed_it(
    process: Callable[[], Sessions], database: WatchedDatabase, user_id: UserId, clock: Clock
) -> None:
    sessions = process()
    token, of_another_device = await sessions.issue(user_id), await sessions.issue(user_id)
    clock.set(1)
    later = await renewed(sessions, token)
    clock.set(2)
    again = await renewed(process(), later)
    assert len({token, later, again}) == 3
    assert await database.fetchval("select count(*) from session") == 2
    await sessions.end(later)
    for here in (sessions, process()):
        for ended in (token, later, again):
            assert await here.identify(ended) is None
            assert await here.renew(ended) is None
        assert await here.identify(of_another_device) == Caller(user_id)


async def test_a_renewed_session_lives_as_long_as_its_last_token(
    process: Callable[[], Sessions], user_id: UserId, clock: Clock
) -> None:
    token = await process().issue(user_id)
    clock.set(TTL_S - 1)
    later = await renewed(process(), token)
    clock.set(TTL_S + 1)
    assert await process().identify(token) is None
    assert await process().identify(later) == Caller(user_id)
    [session] = await process().open_ones(user_id)
    clock.set(2 * TTL_S)
    assert await process().open_ones(user_id) == []
    assert session.created_at == START


async def test_a_token_is_not_renewed_after_another_process_revoked_it(
    process: Callable[[], Sessions], user_id: UserId
) -> None:
    """The process that renews has the session in its cache and missed the notification."""
    here = process()
    token = await here.issue(user_id)
    assert await here.identify(token) == Caller(user_id)
    await process().revoke_all(user_id)
    assert await here.renew(token) is None
    assert await here.identify(token) is None, "the failed renewal corrected the cache"


async def test_of_a_renewal_and_a_revocation_at_once_no_token_remains(
    process: Callable[[], Sessions], database: WatchedDatabase, user_id: UserId
) -> None:
    for _ in range(20):
        token = await process().issue(user_id)
        outcome, _ = await asyncio.gather(process().renew(token), process().revoke_all(user_id))
        assert outcome is None or await process().identify(outcome[1]) is None
        assert await database.fetchval("select count(*) from session") == 0


async def test_signing_out_ends_the_given_session_only(
    sessions: Sessions, database: WatchedDatabase, user_id: UserId
) -> None:
    token, others = await sessions.issue(user_id), await sessions.issue(await new_user(database))
    await sessions.end(others)
    for no_token in ("", "a.b.c", token[:-2]):
        await sessions.end(no_token)
    assert await sessions.identify(token) == Caller(user_id)
    assert await sessions.identify(others) is None


async def test_a_new_session_ends_the_oldest_one_past_the_limit(
    sessions: Sessions, database: WatchedDatabase, user_id: UserId, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_store, "MOST_SESSIONS", 3)
    tokens = []
    for second in range(5):
        clock.set(second)
        tokens.append(await sessions.issue(user_id))
    others = await sessions.issue(await new_user(database))
    assert [await sessions.identify(token) is not None for token in tokens] == [False, False, True, True, True]
    assert await sessions.identify(others) is not None


async def test_sign_ins_at_the_same_moment_all_succeed_and_the_next_one_restores_the_limit(
    sessions: Sessions, user_id: UserId, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_store, "MOST_SESSIONS", 3)
    await asyncio.gather(*(sessions.issue(user_id) for _ in range(30)))
    clock.set(1)
    last = await sessions.issue(user_id)
    assert len(await sessions.open_ones(user_id)) == 3
    assert await sessions.identify(last) is not None


async def test_expired_sessions_leave_the_table(
    sessions: Sessions, database: WatchedDatabase, user_id: UserId, clock: Clock
) -> None:
    await sessions.issue(user_id)
    clock.set(TTL_S)
    kept = await sessions.issue(await new_user(database))
    assert await session_store.delete_expired(database, clock(), 10) == 1
    assert await sessions.identify(kept) is not None
    assert await session_store.delete_expired(database, clock(), 10) == 0


async def test_sessions_are_listed_with_their_clients(sessions: Sessions, user_id: UserId, clock: Clock) -> None:
    await sessions.issue(user_id, PHONE)
    clock.set(60)
    await sessions.issue(user_id)
    web, phone = await sessions.open_ones(user_id)
    assert (phone.address, phone.country, phone.app, phone.device) == ("192.0.2.7", "CH", "ios", "Phone 9")
    assert (phone.created_at, web.created_at, web.app) == (START, START + dt.timedelta(seconds=60), "")


async def test_one_session_is_ended_by_its_id_and_only_by_its_user(
    sessions: Sessions, database: WatchedDatabase, user_id: UserId
) -> None:
    token = await sessions.issue(user_id)
    [session] = await sessions.open_ones(user_id)
    assert not await sessions.end_one(SessionKey(await new_user(database), session.session_id))
    assert await sessions.identify(token) is not None
    assert await sessions.end_one(SessionKey(user_id, session.session_id))
    assert not await sessions.end_one(SessionKey(user_id, session.session_id))
    assert await sessions.identify(token) is None


async def test_all_other_sessions_end_but_that_of_the_token(
    sessions: Sessions, database: WatchedDatabase, user_id: UserId
) -> None:
    mine, others = await sessions.issue(user_id), [await sessions.issue(user_id) for _ in range(2)]
    foreign = await sessions.issue(await new_user(database))
    assert await sessions.end_others(user_id, mine) == 2
    assert await sessions.identify(mine) == Caller(user_id)
    assert [await sessions.identify(token) for token in others] == [None, None]
    assert await sessions.end_others(user_id, foreign) == 1, "a token of another user keeps no session"
    assert await sessions.identify(mine) is None
    assert await sessions.identify(foreign) is not None


async def test_the_end_of_a_session_forgets_its_device_token(
    sessions: Sessions, database: WatchedDatabase, user_id: UserId
) -> None:
    phone = await sessions.issue(user_id, device_token="phone")
    tablet = await sessions.issue(user_id, device_token="tablet")
    await database.execute("update app_user set device_token = 'tablet' where id = $1", user_id)
    await sessions.end(phone)
    assert await database.fetchval("select device_token from app_user where id = $1", user_id) == "tablet"
    await sessions.end(tablet)
    assert await database.fetchval("select device_token from app_user where id = $1", user_id) == ""


async def test_a_session_that_another_process_opened_is_recognised_at_once(
    process: Callable[[], Sessions], database: WatchedDatabase, user_id: UserId, clock: Clock
) -> None:
    here, there = process(), process()
    await there.identify(await there.issue(user_id))
    token = await here.issue(user_id)
    assert await there.identify(token) == Caller(user_id)
    await here.end(token)
    clock.set(SKEW_S + 1)
    assert await there.identify(await there.issue(user_id)) is not None  # the state is newer than the ended token now
    before = database.uses
    for _ in range(10):
        assert await there.identify(token) is None
    assert database.uses == before, "an old token whose session has ended costs no query"


# ── last use ──


async def test_uses_are_written_in_one_statement_and_seldom(
    sessions: Sessions, database: WatchedDatabase, user_id: UserId, clock: Clock
) -> None:
    uses = LastUses(database, clock)
    callers = [await sessions.identify(await sessions.issue(user_id)) for _ in range(3)]
    before = database.uses
    for second in (10, 20, 30):
        clock.set(second)
        for caller in callers:
            assert caller is not None
            uses.note(caller, lambda: PHONE)
    assert database.uses == before, "a call waits for no write"
    await uses.write()
    await uses.write()
    assert database.uses == before + 1
    assert {(one.last_used_at, one.device) for one in await sessions.open_ones(user_id)} == {
        (START + dt.timedelta(seconds=10), "Phone 9")
    }
    clock.set(10 + EVERY_S)
    assert callers[0] is not None
    uses.note(callers[0], lambda: Use(address="192.0.2.8"))
    await uses.write()
    assert (await sessions.open_ones(user_id))[0].address == "192.0.2.8"


async def test_a_use_is_kept_while_the_database_is_down(
    sessions: Sessions, database: WatchedDatabase, dsn: str, user_id: UserId, clock: Clock
) -> None:
    uses = LastUses(database, clock)
    caller = await sessions.identify(await sessions.issue(user_id))
    assert caller is not None
    clock.set(1)
    uses.note(caller, lambda: PHONE)
    await disconnect_everyone(dsn)
    await uses.write()  # the pool's connection may find out only now
    await uses.write()
    assert [one.device for one in await sessions.open_ones(user_id)] == ["Phone 9"]


async def test_a_row_that_another_process_writes_is_skipped(
    sessions: Sessions, database: WatchedDatabase, user_id: UserId, clock: Clock
) -> None:
    uses = LastUses(database, clock)
    callers = [await sessions.identify(await sessions.issue(user_id)) for _ in range(2)]
    clock.set(1)
    for caller in callers:
        assert caller is not None
        uses.note(caller, lambda: PHONE)
    async with database.transaction() as connection:
        assert callers[0] is not None
        await connection.execute("update session set address = 'x' where session_id = $1", callers[0].session_id)
        async with asyncio.timeout(5):
            await uses.write()
    assert sorted(one.address for one in await sessions.open_ones(user_id)) == ["192.0.2.7", "x"]


async def test_other_processes_hear_of_a_sign_out(
    process: Callable[[], Sessions], database: WatchedDatabase, dsn: str, clock: Clock, user_id: UserId
) -> None:
    bus = PostgresBus(dsn)
    there = Sessions(Keyring((SECRET,)), database, TTL_S, clock, state_s=3600)
    there.follow(bus)
    token = await there.issue(user_id)
    async with in_background(bus.run()):
        await until(bus.connected.is_set)
        assert await there.identify(token) == Caller(user_id)
        await process().end(token)
        await refused(there, token)


# ── revoked ──


async def test_revoking_ends_every_session_of_a_user_at_once(
    sessions: Sessions, database: WatchedDatabase, user_id: UserId
) -> None:
    other_id = await new_user(database)
    others = await sessions.issue(other_id)
    tokens = [await sessions.issue(user_id) for _ in range(2)]
    assert [await sessions.identify(token) for token in tokens] == [Caller(user_id)] * 2
    assert await sessions.revoke_all(user_id)
    assert [await sessions.identify(token) for token in tokens] == [None, None]
    assert await sessions.identify(others) == Caller(other_id)
    assert await sessions.identify(await sessions.issue(user_id)) == Caller(user_id)


async def test_sessions_of_an_unknown_user_cannot_be_revoked(sessions: Sessions) -> None:
    assert not await sessions.revoke_all(NOBODY)


async def test_a_revocation_is_not_undone_by_a_question_that_was_asked_before_it(
    process: Callable[[], Sessions], database: WatchedDatabase, user_id: UserId
) -> None:
    token = await process().issue(user_id)
    sessions = process()
    database.passing.clear()
    identifying = asyncio.create_task(sessions.identify(token))
    await until(lambda: database.kept_back)
    await sessions.revoke_all(user_id)
    database.passing.set()
    await identifying
    assert await sessions.identify(token) is None


@pytest.fixture
async def elsewhere(database: WatchedDatabase, dsn: str, clock: Clock) -> AsyncIterator[tuple[Sessions, PostgresBus]]:
    """Sessions of another process, which receives messages."""
    bus = PostgresBus(dsn)
    sessions = Sessions(Keyring((SECRET,)), database, TTL_S, clock, state_s=3600)
    sessions.follow(bus)
    async with in_background(bus.run()):
        await bus.connected.wait()
        yield sessions, bus


async def test_another_process_hears_of_a_revocation_at_once(
    sessions: Sessions, elsewhere: tuple[Sessions, PostgresBus], user_id: UserId
) -> None:
    there, _ = elsewhere
    token = await sessions.issue(user_id)
    assert await there.identify(token) == Caller(user_id)
    await sessions.revoke_all(user_id)
    await refused(there, token)


async def test_another_process_that_could_not_hear_of_it_asks_again(
    sessions: Sessions, elsewhere: tuple[Sessions, PostgresBus], user_id: UserId, dsn: str
) -> None:
    there, bus = elsewhere
    token = await sessions.issue(user_id)
    assert await there.identify(token) == Caller(user_id)
    await disconnect_everyone(dsn)
    await until(lambda: not bus.connected.is_set())
    with suppress(DatabaseUnavailable):  # the pool's connection was cut off too, and may find out only now
        await sessions.revoke_all(user_id)
    await sessions.revoke_all(user_id)
    await until(bus.connected.is_set)
    assert await there.identify(token) is None


async def test_without_any_notification_a_revocation_is_known_after_a_while(
    sessions: Sessions, database: WatchedDatabase, dsn: str, clock: Clock, user_id: UserId
) -> None:
    deaf = Sessions(Keyring((SECRET,)), database, TTL_S, clock, state_s=0.05)
    token = await sessions.issue(user_id)
    assert await deaf.identify(token) == Caller(user_id)
    await sessions.revoke_all(user_id)
    await refused(deaf, token)


# ── banned ──


async def test_of_a_ban_and_a_sign_in_at_once_no_session_remains(
    process: Callable[[], Sessions], database: WatchedDatabase, user_id: UserId
) -> None:
    async def ban() -> None:
        async with database.transaction() as connection:
            assert await bans_store.ban(connection, user_id)

    async def sign_in() -> None:
        with suppress(AccountBlocked):
            await process().issue(user_id)

    for _ in range(10):
        await asyncio.gather(sign_in(), ban(), sign_in())
        assert await database.fetchval("select count(*) from session") == 0
        async with database.transaction() as connection:
            await bans_store.unban(connection, user_id)


async def test_who_is_banned_is_told_so(
    process: Callable[[], Sessions], database: WatchedDatabase, user_id: UserId
) -> None:
    token = await process().issue(user_id)
    await database.execute("update app_user set banned_at = now() where id = $1", user_id)
    for attempt in (process().identify(token), process().issue(user_id)):
        with pytest.raises(AccountBlocked, match="have been blocked"):
            await attempt


async def test_who_is_banned_in_another_process_is_out_at_once(
    sessions: Sessions, database: WatchedDatabase, elsewhere: tuple[Sessions, PostgresBus], user_id: UserId
) -> None:
    there, _ = elsewhere
    token = await sessions.issue(user_id)
    assert await there.identify(token) == Caller(user_id)
    async with database.transaction() as connection:
        assert await bans_store.ban(connection, user_id)
    with pytest.raises(AccountBlocked):
        await refused(there, token)


# ── the user's own record ──


async def test_the_own_record_is_read_once_and_again_after_a_change_of_the_profile(
    elsewhere: tuple[Sessions, PostgresBus], database: WatchedDatabase, user_id: UserId
) -> None:
    there, _ = elsewhere
    for change in (
        "update app_user set bio = 'new' where id = $1",
        "update push_setting set likes = false where user_id = $1",
        "update privacy_setting set duet = 'no_one' where user_id = $1",
    ):
        before = present(await there.own_user(user_id), "the user exists").user
        uses = database.uses
        assert present(await there.own_user(user_id), "the user exists").user == before
        assert database.uses == uses
        await database.execute(change, user_id)
        async with asyncio.timeout(5):
            while present(await there.own_user(user_id), "the user exists").user == before:  # noqa: ASYNC110  as above
                await asyncio.sleep(0.01)
    assert await there.own_user(NOBODY) is None


async def test_a_record_that_was_read_before_a_change_is_not_kept(
    sessions: Sessions, database: WatchedDatabase, user_id: UserId
) -> None:
    await sessions.own_user(user_id)
    sessions.forget(user_id)
    await sessions.identify(await sessions.issue(user_id))
    database.passing.clear()
    reading = asyncio.create_task(sessions.own_user(user_id))
    await until(lambda: database.kept_back)
    await database.execute("update app_user set bio = 'new' where id = $1", user_id)
    sessions.forget(user_id)
    database.passing.set()
    await reading
    assert present(await sessions.own_user(user_id), "the user exists").user.bio == "new"
