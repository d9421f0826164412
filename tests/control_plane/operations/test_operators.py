"""Acts of operators: each has its audit entry in the same transaction, and a ban takes effect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from control_plane.accounts import bans_store, session_store
from control_plane.accounts import store as accounts
from control_plane.accounts.caller import Role
from control_plane.accounts.sessions import AccountBlocked, Sessions
from control_plane.accounts.user import AlreadyTaken, NewUser, UserNotFound
from control_plane.accounts.usernames import InvalidUsername
from control_plane.base.ids import StreamId, UserId
from control_plane.base.signing import Keyring, Secret
from control_plane.bus.postgres import PostgresBus
from control_plane.db.pool import Database
from control_plane.eventlog.log import EventLog
from control_plane.operations import audit
from control_plane.operations.audit import Act, Actor
from control_plane.operations.operators import Operator
from control_plane.streams import store as streams
from control_plane.streams.lifecycle import Lifecycle
from control_plane.streams.model import EndReason, StreamOptions
from control_plane.streams.running import RunningStreams
from tests.control_plane.backends import waiting_backend
from tests.control_plane.live.readers import Unheard
from tests.control_plane.people import new_user
from tests.control_plane.streams.samples import KEYS
from tests.postgres import by_owner

ROOT = Actor("cli:root")
NOBODY = UserId(987654)


@pytest.fixture
async def lifecycle(database: Database) -> AsyncIterator[Lifecycle]:
    event_log = EventLog(database, Unheard())
    yield Lifecycle(database, event_log, RunningStreams(database, PostgresBus(""), KEYS, 900))
    await event_log.close()


@pytest.fixture
def operator(database: Database, lifecycle: Lifecycle) -> Operator:
    return Operator(database, lifecycle, ROOT)


@pytest.fixture
async def user_id(database: Database) -> UserId:
    return await new_user(database)


def sessions_of(database: Database) -> Sessions:
    """Sessions as a process that has just been notified of a change sees them."""
    return Sessions(Keyring((Secret("a", b"the first secret of this server!"),)), database, 3600)


async def acts(database: Database) -> list[tuple[str, str]]:
    """Audit entries, oldest first."""
    entries = await audit.latest(database, 100)
    assert {entry.actor for entry in entries} <= {ROOT}
    return [(entry.act, entry.subject) for entry in reversed(entries)]


async def test_an_added_user_is_there_and_written_down(database: Database, operator: Operator) -> None:
    user_id = await operator.add_user(NewUser(username="anna", email="anna@example.com"))
    assert await accounts.holder_of_name(database, "ANNA") == user_id
    user = (await accounts.by_ids(database, [user_id]))[user_id]
    assert (user.id, user.email, user.role) == (user_id, "anna@example.com", Role.USER)
    [entry] = await audit.latest(database, 100)
    assert (entry.act, entry.subject, entry.detail) == (Act.USER_ADDED, f"user:{user_id}", {"username": "anna"})


@pytest.mark.parametrize(
    ("new", "refused"),
    [
        (NewUser(username="anna"), AlreadyTaken),
        (NewUser(username="Anna"), AlreadyTaken),
        (NewUser(username="b", email="ANNA@example.com"), AlreadyTaken),
        (NewUser(username="two words"), InvalidUsername),
        (NewUser(username=""), InvalidUsername),
    ],
)
async def test_a_user_who_cannot_be_added_leaves_no_trace(
    database: Database, operator: Operator, new: NewUser, refused: type[Exception]
) -> None:
    await operator.add_user(NewUser(username="anna", email="anna@example.com"))
    with pytest.raises(refused):
        await operator.add_user(new)
    assert len(await acts(database)) == 1


async def test_the_role_is_given_and_taken(database: Database, operator: Operator, user_id: UserId) -> None:
    sessions = sessions_of(database)
    assert await operator.set_role(user_id, Role.OPERATOR) is True
    caller = await sessions.identify(await sessions.issue(user_id))
    assert caller is not None
    assert caller.role is Role.OPERATOR
    assert await operator.set_role(user_id, Role.OPERATOR) is False
    assert await operator.set_role(user_id, Role.USER) is True
    assert await acts(database) == [
        ("user.made_operator", f"user:{user_id}"),
        ("user.made_ordinary", f"user:{user_id}"),
    ]


async def test_revoked_sessions_are_not_valid(database: Database, operator: Operator, user_id: UserId) -> None:
    token = await sessions_of(database).issue(user_id)
    await operator.revoke_sessions(user_id)
    assert await sessions_of(database).identify(token) is None
    assert await sessions_of(database).identify(await sessions_of(database).issue(user_id)) is not None


async def test_revoking_sessions_revokes_the_stream_key_that_they_could_read(
    database: Database, operator: Operator, lifecycle: Lifecycle, user_id: UserId
) -> None:
    made = await lifecycle.go_live(user_id, StreamOptions())
    stream = await operator.revoke_sessions(user_id)
    assert stream is not None
    assert (stream.id, stream.key_version, stream.ended) == (made.id, 2, False)
    assert stream.revoked_at is not None, "publishers with the old key are disconnected"
    assert await acts(database) == [
        ("user.sessions_revoked", f"user:{user_id}"),
        ("stream.key_revoked", f"stream:{made.id}"),
    ]


async def test_a_ban_and_the_end_of_the_stream_are_one_transaction(
    database: Database, operator: Operator, lifecycle: Lifecycle, user_id: UserId
) -> None:
    """A command that is interrupted leaves no banned user whose stream continues."""
    made = await lifecycle.go_live(user_id, StreamOptions())
    await operator.ban(user_id)
    same = "select stream.xmin = app_user.xmin from stream, app_user where stream.id = $1 and app_user.id = $2"
    assert await database.fetchval(same, made.id, user_id)


async def test_a_banned_user_is_told_so_and_the_stream_ends(
    database: Database, operator: Operator, lifecycle: Lifecycle, user_id: UserId
) -> None:
    token = await sessions_of(database).issue(user_id)
    live = await lifecycle.go_live(user_id, StreamOptions())
    changed, stream = await operator.ban(user_id)
    assert changed
    assert stream is not None
    assert (stream.id, stream.end_reason) == (live.id, EndReason.OPERATOR)
    sessions = sessions_of(database)
    for refused in (sessions.identify(token), sessions.issue(user_id)):
        with pytest.raises(AccountBlocked, match="have been blocked"):
            await refused
    with pytest.raises(AccountBlocked):
        await lifecycle.go_live(user_id, StreamOptions())
    assert await acts(database) == [("user.banned", f"user:{user_id}"), ("stream.ended", f"stream:{live.id}")]
    assert await operator.ban(user_id) == (False, None)


async def test_after_a_ban_is_lifted_the_old_sessions_stay_ended(
    database: Database, operator: Operator, user_id: UserId
) -> None:
    token = await sessions_of(database).issue(user_id)
    await operator.ban(user_id)
    assert await operator.unban(user_id) is True
    assert await operator.unban(user_id) is False
    assert await sessions_of(database).identify(token) is None
    assert await sessions_of(database).identify(await sessions_of(database).issue(user_id)) is not None


async def test_a_stream_that_is_made_during_a_ban_is_refused(
    database: Database, lifecycle: Lifecycle, user_id: UserId
) -> None:
    async with database.transaction() as connection:
        await bans_store.ban(connection, user_id)
        going_live = asyncio.create_task(lifecycle.go_live(user_id, StreamOptions()))
        await waiting_backend(database)
    with pytest.raises(AccountBlocked):
        await going_live
    assert await streams.unfinished(database) == []


async def test_a_ban_during_the_making_of_a_stream_finds_it(
    database: Database, operator: Operator, user_id: UserId
) -> None:
    async with database.transaction() as connection:
        made = await streams.create(connection, user_id, StreamOptions())
        assert made is not None
        await connection.execute("insert into stream_log (stream_id, epoch) values ($1, 'e')", made.id)
        banning = asyncio.create_task(operator.ban(user_id))
        await waiting_backend(database)
    _, stream = await banning
    assert stream is not None
    assert stream.id == made.id


async def test_each_act_on_a_stream_is_written_down(
    database: Database, operator: Operator, lifecycle: Lifecycle, user_id: UserId
) -> None:
    stream_id = (await lifecycle.go_live(user_id, StreamOptions())).id
    await operator.rotate_key(stream_id)
    await operator.rotate_key(stream_id, Act.KEY_REVOKED)
    await operator.end_stream(stream_id)
    assert await operator.end_stream(stream_id) is None
    assert await operator.rotate_key(stream_id) is None
    subject = f"stream:{stream_id}"
    assert await acts(database) == [
        ("stream.key_rotated", subject),
        ("stream.key_revoked", subject),
        ("stream.ended", subject),
    ]


async def test_an_act_that_cannot_be_written_down_does_not_happen(
    database: Database, operator: Operator, lifecycle: Lifecycle, user_id: UserId
) -> None:
    stream_id = (await lifecycle.go_live(user_id, StreamOptions())).id
    await by_owner(database, "alter table audit_log add check (false) not valid")
    for act in (operator.ban(user_id), operator.end_stream(stream_id), operator.revoke_sessions(user_id)):
        with pytest.raises(asyncpg.CheckViolationError):
            await act
    state = await session_store.session_state(database, user_id)
    assert state is not None
    assert not state.banned
    assert [stream.id for stream in await streams.unfinished(database)] == [stream_id]


async def test_an_unknown_user_is_not_found(operator: Operator) -> None:
    for act in (
        operator.set_role(NOBODY, Role.OPERATOR),
        operator.revoke_sessions(NOBODY),
        operator.ban(NOBODY),
        operator.unban(NOBODY),
    ):
        with pytest.raises(UserNotFound):
            await act


@pytest.mark.parametrize("change", ["update audit_log set actor = 'x'", "delete from audit_log", "truncate audit_log"])
async def test_the_audit_log_only_grows(database: Database, operator: Operator, user_id: UserId, change: str) -> None:
    await operator.revoke_sessions(user_id)
    with pytest.raises(asyncpg.CheckViolationError, match="audit_log is append-only"):
        await by_owner(database, change)
    assert len(await acts(database)) == 1


async def test_the_audit_log_is_read_by_subject_newest_first(database: Database, operator: Operator) -> None:
    anna, ben = [await operator.add_user(NewUser(username=name)) for name in ("anna", "ben")]
    await operator.revoke_sessions(anna)
    found = await audit.latest(database, 10, audit.user(anna))
    assert [entry.act for entry in found] == [Act.SESSIONS_REVOKED, Act.USER_ADDED]
    assert [entry.subject for entry in await audit.latest(database, 2)] == [audit.user(anna), audit.user(ben)]
    assert await audit.latest(database, 10, audit.stream(StreamId(1))) == []
