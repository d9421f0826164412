"""Fixtures for all tests: a PostgreSQL, and a database of its own with this release's schema."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Iterator

import hypothesis
import pytest

from control_plane.db.embedded.roles import SERVER
from control_plane.db.migrate import migrate
from control_plane.db.pool import Database, open_pool
from tests.postgres import TestPostgres, running_postgres

# Two cores are shared by several tests at once: how long an example takes says nothing.
hypothesis.settings.register_profile(
    "shared", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("shared")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in a script's background: what we start would inherit a deaf ear for Ctrl-C, as MediaMTX's commands never do.
    signal.signal(signal.SIGINT, signal.default_int_handler)


async def _migrate(dsn: str) -> None:
    await migrate(dsn, server_role=SERVER)


@pytest.fixture(scope="session")
def postgres() -> Iterator[TestPostgres]:
    with running_postgres(_migrate) as postgres:
        yield postgres


@pytest.fixture
async def dsn(postgres: TestPostgres) -> AsyncIterator[str]:
    async with postgres.database() as dsn:
        yield dsn


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    database = await open_pool(dsn, size=10)
    yield database
    await database.close()
