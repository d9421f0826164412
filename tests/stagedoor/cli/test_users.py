"""`stagedoor users`."""

from __future__ import annotations

from pathlib import Path

import pytest

from control_plane.accounts import store as accounts
from control_plane.accounts.user import UserNotFound
from control_plane.db.pool import Database
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
