"""`stagedoor users`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from control_plane.accounts import store as accounts
from control_plane.accounts.user import UserNotFound
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.ledger.adjustments import adjust
from control_plane.operations.audit import Act, latest
from control_plane.operations.audit import user as audit_user
from tests.stagedoor.cli.operator import USAGE, Operator
from tests.stagedoor.cli.typed import typed

ABORTED = 1


async def is_banned(database: Database) -> bool:
    [anna] = await accounts.overview(database, 1)
    return anna.banned_at is not None


async def test_a_ban_says_who_it_is_and_what_happens_and_asks(database: Database, dsn: str, tmp_path: Path) -> None:
    settings = {"LIVE_DATABASE_URL": dsn, "LIVE_DATA_DIR": str(tmp_path)}
    user_id = (await typed("users", "add", "anna", **settings)).output.strip()
    for answer in ("", "n\n"):
        asked = await typed("users", "ban", "anna", answer=answer, **settings)
        assert (
            f"Ban anna (user {user_id})? This ends every session of theirs, and refuses further sign-ins."
            in asked.output
        )
        assert asked.exit_code == ABORTED
        assert not await is_banned(database)

    said = await typed("users", "ban", user_id, answer="y\n", **settings)
    assert f"anna (user {user_id}) is banned." in said.output
    assert await is_banned(database)
    again = await typed("users", "ban", "anna", "--yes", **settings)
    assert again.output == f"anna (user {user_id}) is banned already.\n"


@pytest.mark.parametrize("user", ["nobody", "4711"])
async def test_a_ban_of_an_unknown_user_is_refused(database: Database, dsn: str, tmp_path: Path, user: str) -> None:
    refused = await typed("users", "ban", user, LIVE_DATABASE_URL=dsn, LIVE_DATA_DIR=str(tmp_path))
    assert isinstance(refused.exception, UserNotFound)


@pytest.fixture
async def anna(operator: Operator) -> UserId:
    return UserId(int(await operator.types("users", "add", "anna")))


async def acts(database: Database, user_id: UserId) -> list[str]:
    """Newest first, without that of `users add`."""
    entries = await latest(database, 100, audit_user(user_id))
    return [entry.act for entry in entries if entry.act != Act.USER_ADDED]


async def test_a_password_is_read_from_input_and_ends_every_session(
    database: Database, dsn: str, tmp_path: Path, operator: Operator, anna: UserId
) -> None:
    settings = {"LIVE_DATABASE_URL": dsn, "LIVE_DATA_DIR": str(tmp_path)}
    await operator.types("token", "anna")
    short = await typed("users", "password", "anna", answer="short\n", **settings)
    assert (short.exit_code, "at least 8 characters" in short.output) == (USAGE, True)
    assert await database.fetchval("select password_hash from app_user") is None
    said = await typed("users", "password", "anna", answer="open sesame\n", **settings)
    assert said.output == "anna has a new password, and every session has ended.\n"
    hashed = await database.fetchval("select password_hash from app_user")
    assert PasswordHasher().verify(hashed, "open sesame")
    assert await database.fetchval("select count(*) from session") == 0
    assert await acts(database, anna) == [Act.PASSWORD_SET, Act.SESSION_ISSUED]
    assert "sesame" not in await operator.types("audit", "--json")
    unknown = await typed("users", "password", "nobody", answer="open sesame\n", **settings)
    assert isinstance(unknown.exception, UserNotFound)


async def test_sessions_are_shown_and_revoked_one_by_one(database: Database, operator: Operator, anna: UserId) -> None:
    for _ in range(2):
        await operator.types("token", "anna")
    shown = json.loads(await operator.types("users", "show", "anna", "--json"))
    first, second = [session["session_id"] for session in shown["sessions"]]
    assert second in await operator.types("users", "show", "anna")
    assert await operator.types("users", "revoke", "anna", "--session", first) == "The session has ended.\n"
    assert await operator.types("users", "revoke", "anna", "--session", first) == "The session had ended already.\n"
    assert await database.fetchval("select session_id from session") == second
    await operator.types("users", "revoke", "anna")
    assert await database.fetchval("select count(*) from session") == 0
    assert (await acts(database, anna))[:2] == [Act.SESSIONS_REVOKED, Act.SESSION_ENDED]


async def test_a_deletion_asks_and_is_seen(
    database: Database, dsn: str, tmp_path: Path, operator: Operator, anna: UserId
) -> None:
    settings = {"LIVE_DATABASE_URL": dsn, "LIVE_DATA_DIR": str(tmp_path)}
    await adjust(database, anna, 5, "bonus")
    await operator.types("token", "anna")
    asked = await typed("users", "delete", "anna", answer="n\n", **settings)
    assert (
        f"Delete the account of anna (user {anna})? The account has 5 coins, which are lost. It is removed for good after "
        "30 days." in asked.output
    )
    assert asked.exit_code == ABORTED
    assert await operator.types("users", "delete", "anna", "--yes") == f"anna (user {anna}) is deleted.\n"
    assert await operator.types("users", "delete", "anna", "--yes") == f"anna (user {anna}) is deleted already.\n"
    assert await database.fetchval("select count(*) from session") == 0
    assert "deleted" in await operator.types("users", "list")
    assert "removed" not in await operator.types("users", "show", "anna")
    assert (await acts(database, anna))[0] == Act.USER_DELETED
    with pytest.raises(UserNotFound):
        await operator.types("token", "anna")
    assert await operator.types("users", "ban", "anna", "--yes") == f"anna (user {anna}) is banned.\n"


async def test_a_removed_user_gets_no_password(
    database: Database, dsn: str, tmp_path: Path, operator: Operator, anna: UserId
) -> None:
    await database.execute("update app_user set deleted_at = now(), removed_at = now()")
    refused = await typed(
        "users", "password", str(anna), answer="open sesame\n", LIVE_DATABASE_URL=dsn, LIVE_DATA_DIR=str(tmp_path)
    )
    assert isinstance(refused.exception, UserNotFound)
    assert await acts(database, anna) == []


async def test_the_export_is_json_and_written_down(database: Database, operator: Operator, anna: UserId) -> None:
    await operator.types("token", "anna")
    data = json.loads(await operator.types("users", "export", "anna"))
    assert (data["profile"][0]["username"], data["sessions"][0]["app"]) == ("anna", "stagedoor token")
    assert (await acts(database, anna))[0] == Act.DATA_EXPORTED
    with pytest.raises(UserNotFound):
        await operator.types("users", "export", "4711")
