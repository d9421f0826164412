"""Fixtures for all tests: a PostgreSQL, and a database of its own with this release's schema."""

from __future__ import annotations

import signal
import time
from collections.abc import AsyncIterator, Iterator

import hypothesis
import pytest

from control_plane.db.embedded.roles import SERVER
from control_plane.db.migrate import migrate
from control_plane.db.pool import Database, open_pool
from tests.postgres import TestPostgres, running_postgres

HALF_HOUR_S = 1800
LONG_TEST_S = 15.0
"""Most tests take less than a second; those that count per day or half hour, a few seconds on a busy machine."""

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
def within_one_half_hour() -> None:
    """Neither a half hour nor an hour or a day ends during the test: limits and counters begin anew with them."""
    left_s = HALF_HOUR_S - time.time() % HALF_HOUR_S
    if left_s < LONG_TEST_S:
        time.sleep(left_s)


@pytest.fixture
async def dsn(postgres: TestPostgres, within_one_half_hour: None) -> AsyncIterator[str]:
    async with postgres.database() as dsn:
        yield dsn


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    database = await open_pool(dsn, size=10)
    yield database
    await database.close()
