"""PgQueuer's tables: our migration creates those that the library expects."""

from __future__ import annotations

import pytest
from pgqueuer import AsyncpgDriver
from pgqueuer.adapters.persistence.schema_ddl import render_install
from pgqueuer.adapters.persistence.schema_inspect import inspect

from control_plane.db.migrate import migrations
from control_plane.db.pool import connect
from control_plane.jobs.queue import NAMES, queries
from tests.postgres import EMPTY, TestPostgres, as_owner


async def test_the_migration_makes_what_the_installed_library_makes(postgres: TestPostgres, dsn: str) -> None:
    async with postgres.database(EMPTY) as installed_dsn:
        ours, theirs = await connect(dsn), await connect(as_owner(installed_dsn))
        await queries(AsyncpgDriver(theirs)).install()
        wanted = await inspect(AsyncpgDriver(theirs), NAMES)
        assert wanted.tables
        assert await inspect(AsyncpgDriver(ours), NAMES) == wanted
        plan = await queries(AsyncpgDriver(ours)).plan_upgrade()
        assert (plan.statements, plan.notes) == ((), ())
        await ours.close()
        await theirs.close()


def test_the_migration_is_the_librarys_text() -> None:
    (jobs,) = [migration.sql for migration in migrations() if migration.name == "jobs"]
    _, statements = render_install(NAMES, create_schema=False).split("\n", 1)  # its first line names the release
    assert statements.strip() in jobs


def test_names_do_not_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in type(NAMES).model_fields:
        monkeypatch.setenv(name.upper(), "elsewhere")
        monkeypatch.setenv(f"PGQUEUER_{name.upper()}", "elsewhere")
    assert type(NAMES)(**dict(NAMES)) == NAMES
    assert set(NAMES.model_fields_set) == set(type(NAMES).model_fields), "each is given"
