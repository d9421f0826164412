"""Nothing is pushed to a phone or browser whose user is signed out there, also what waited before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from control_plane.accounts import bans_store, deletion_store, devices, session_store
from control_plane.accounts.caller import SessionKey
from control_plane.base.clock import utc_now
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from tests.control_plane.people import new_user
from tests.control_plane.push.sending import Sending, new_session_of, sending


@pytest.fixture
async def at(database: Database) -> AsyncIterator[Sending]:
    async with sending(database) as made:
        yield made


async def signed_in(at: Sending, token: str, user_id: UserId | None = None) -> SessionKey:
    """The session of a user, new unless given, on the phone with this token."""
    user_id = user_id or await new_user(at.database)
    session = await new_session_of(at.database, user_id, f"on {token}", token)
    await devices.claim(at.database, user_id, token, "ios", "1", "", session.session_id)
    return session


async def _sign_out(connection: Connection, session: SessionKey) -> None:
    await session_store.end_session(connection, session)


async def _revoke(connection: Connection, session: SessionKey) -> None:
    await session_store.end_sessions(connection, session.user_id)


async def _ban(connection: Connection, session: SessionKey) -> None:
    await bans_store.ban(connection, session.user_id)


async def _delete(connection: Connection, session: SessionKey) -> None:
    await deletion_store.delete(connection, session.user_id, utc_now())


ENDS = [_sign_out, _revoke, _ban, _delete]


@pytest.mark.parametrize("end", ENDS)
async def test_a_phone_goes_with_its_session(
    at: Sending, end: Callable[[Connection, SessionKey], Awaitable[None]]
) -> None:
    session = await signed_in(at, "phone")
    await at.push(session.user_id)
    async with at.database.transaction() as connection:
        await end(connection, session)
    assert await at.database.fetchval("select count(*) from device where user_id is not null") == 0
    assert await at.database.fetchval("select count(*) from app_user where device_token <> ''") == 0
    await at.push(session.user_id)
    assert await at.waiting() == 1, "nothing more is queued"
    await at.sender.send_waiting()
    assert (at.service.messages, await at.waiting()) == ([], 0)


@pytest.mark.parametrize("end", ENDS)
async def test_a_browser_goes_with_its_session(
    at: Sending, end: Callable[[Connection, SessionKey], Awaitable[None]]
) -> None:
    session = await at.browser("one")
    await at.push(session.user_id)
    async with at.database.transaction() as connection:
        await end(connection, session)
    assert await at.database.fetchval("select count(*) from web_push_subscription") == 0
    await at.push(session.user_id)
    assert await at.waiting() == 1, "nothing more is queued"
    await at.sender.send_waiting()
    assert (at.service.shown, await at.waiting()) == ([], 0)


@pytest.mark.parametrize("end", [_revoke, _ban, _delete])
async def test_a_phone_without_a_session_goes_too(
    at: Sending, end: Callable[[Connection, SessionKey], Awaitable[None]]
) -> None:
    """Of an old app build that names its user in the body."""
    user_id = await at.phone("phone")
    async with at.database.transaction() as connection:
        await end(connection, SessionKey(user_id, ""))
    await at.push(user_id)
    assert await at.waiting() == 0


async def test_other_phones_of_the_user_stay(at: Sending) -> None:
    one = await signed_in(at, "one")
    await signed_in(at, "other", one.user_id)
    async with at.database.transaction() as connection:
        await session_store.end_session(connection, one)
    await at.push(one.user_id)
    await at.sender.send_waiting()
    assert [message["token"] for message in at.service.messages] == ["other"]


async def test_a_phone_with_a_newer_session_stays(at: Sending) -> None:
    """The user signed in twice on it, and ends the older session in the list of sessions."""
    older = await new_session_of(at.database, await new_user(at.database), "older", "phone")
    await signed_in(at, "phone", older.user_id)
    async with at.database.transaction() as connection:
        await session_store.end_session(connection, older)
    await at.push(older.user_id)
    await at.sender.send_waiting()
    assert len(at.service.messages) == 1


async def test_a_phone_belongs_to_the_last_user_who_signed_in_on_it(at: Sending) -> None:
    first = await signed_in(at, "phone")
    await at.push(first.user_id)
    second = await signed_in(at, "phone", await new_user(at.database))
    await at.sender.send_waiting()
    assert at.service.messages == [], "what waited for the first user is not shown to the second"
    async with at.database.transaction() as connection:
        await session_store.end_session(connection, first)
    await at.push(first.user_id, second.user_id)
    await at.sender.send_waiting()
    assert [message["data"]["receiver_id"] for message in at.service.messages] == [str(second.user_id)]


@pytest.mark.parametrize("column", ["banned_at", "deleted_at"])
async def test_a_hidden_user_is_not_pushed_to(at: Sending, column: str) -> None:
    """Also on a phone that was claimed at the moment of the ban."""
    user_id = await at.phone("phone")
    await at.push(user_id)
    await at.database.execute(f"update app_user set {column} = now() where id = $1", user_id)
    await at.sender.send_waiting()
    assert (at.service.messages, await at.waiting()) == ([], 0)
