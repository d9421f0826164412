"""One PostgreSQL for a whole test session, and a fresh database for every test that asks for one.

For a conftest:

    @pytest.fixture(scope="session")
    def postgres() -> Iterator[TestPostgres]:
        with running_postgres(migrate=...) as postgres:
            yield postgres

    @pytest.fixture
    async def dsn(postgres: TestPostgres) -> AsyncIterator[str]:
        async with postgres.database() as dsn:
            yield dsn

The session's fixture is an ordinary generator: the server is started and stopped in an event loop of its own, and between the two
it is a process, not bound to any test's loop.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg
import psutil

from control_plane.db.embedded import EmbeddedPostgres
from control_plane.db.embedded.home import home_of
from control_plane.db.embedded.postmaster import clear_leftovers
from control_plane.db.embedded.programs import unprivileged_account
from control_plane.db.embedded.roles import OWNER, SUPERUSER
from control_plane.db.pool import Database, open_pool
from tests.waiting import run_in_thread

T = TypeVar("T")

MIGRATED = "migrated"
EMPTY = "template1"

SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "128MB",
    "dynamic_shared_memory_type": "mmap",  # a killed server leaves nothing outside of its folder
}
"""Settings without durability, because the data is temporary, and without what would run at times of its own: tests look at
plans, pages and activity."""

_PREFIX = "stagedoor-tests-"
_RAM = Path("/dev/shm")
_ENOUGH_BYTES = 1_000_000_000


def fast_folder() -> Path:
    """A folder in memory if there is enough: a database is 300 files, which disks create and remove slowly."""
    in_memory = _RAM.is_dir() and os.access(_RAM, os.W_OK) and shutil.disk_usage(_RAM).free > _ENOUGH_BYTES
    return _RAM if in_memory else Path(tempfile.gettempdir())


class TestPostgres:
    __test__ = False

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def create_database(self, template: str = MIGRATED) -> str:
        """Create a database as a copy of the template (MIGRATED, EMPTY or another's name), in about 15 ms; returns its
        dsn."""
        name = f"test_{uuid.uuid4().hex}"
        await self._execute(f"create database {name} template {template} strategy file_copy owner {OWNER}")
        await self._execute(f"revoke temporary on database {name} from public")  # which no template passes on
        return self._dsn_of(name)

    async def drop_database(self, dsn: str) -> None:
        """Drop the database, and terminate all connections to it."""
        await self._execute(f"drop database {urlsplit(dsn).path.lstrip('/')} with (force)")

    @asynccontextmanager
    async def database(self, template: str = MIGRATED) -> AsyncIterator[str]:
        dsn = await self.create_database(template)
        try:
            yield dsn
        finally:
            await self.drop_database(dsn)

    @asynccontextmanager
    async def opened(self, template: str = MIGRATED) -> AsyncIterator[Database]:
        """A copy of the template, with a small pool."""
        async with self.database(template) as dsn:
            database = await open_pool(dsn, size=2)
            try:
                yield database
            finally:
                await database.close()

    @contextmanager
    def filled(self, fill: Callable[[str], Coroutine[Any, Any, None]]) -> Iterator[str]:
        """The name of a database that is filled once, to be the template of copies for several tests."""
        dsn = run_in_thread(self.create_database())
        run_in_thread(fill(dsn))
        try:
            yield urlsplit(dsn).path.lstrip("/")
        finally:
            run_in_thread(self.drop_database(dsn))

    async def make_template(self, migrate: Callable[[str], Awaitable[None]] | None) -> None:
        await self._execute(f"create database {MIGRATED} template {EMPTY} owner {OWNER}")
        if migrate is not None:
            await migrate(as_owner(self._dsn_of(MIGRATED)))

    async def execute_in(self, dsn: str, statement: str) -> None:
        await _execute(dsn, statement)

    def _dsn_of(self, database: str) -> str:
        return urlsplit(self._dsn)._replace(path=f"/{database}").geturl()

    async def _execute(self, statement: str) -> None:
        await _execute(as_superuser(self._dsn), statement)


def as_owner(dsn: str) -> str:
    """The same database, as the role that owns the tables."""
    return _as(OWNER, dsn)


def as_superuser(dsn: str) -> str:
    return _as(SUPERUSER, dsn)


async def by_owner(database: Database, statements: str) -> None:
    """Execute what the server's role may not, such as DDL."""
    await _execute(as_owner(database._connections._dsn), statements)


async def by_superuser(database: Database, statements: str) -> None:
    """Execute what not even the owner may: with `session_replication_role` or disabled triggers."""
    await _execute(as_superuser(database._connections._dsn), statements)


async def _execute(dsn: str, statements: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        await connection.execute(statements, timeout=30)
    finally:
        await connection.close(timeout=5)


def _as(role: str, dsn: str) -> str:
    return urlsplit(dsn)._replace(netloc=f"{role}@").geturl()


async def let_every_role_in(server: EmbeddedPostgres, data_dir: Path) -> None:
    """Let the owner and the superuser sign in without a password, until the next start."""
    assert server.pid is not None
    rules = (data_dir / "postgres").resolve() / "cluster" / "pg_hba.conf"
    rules.write_text(f"local all all trust\n{rules.read_text()}")  # the first line that fits counts
    os.kill(server.pid, signal.SIGHUP)
    async with asyncio.timeout(10):
        while True:
            with suppress(asyncpg.InvalidAuthorizationSpecificationError):
                await (await asyncpg.connect(as_superuser(server.dsn))).close()
                return
            await asyncio.sleep(0.01)


@contextmanager
def running_postgres(migrate: Callable[[str], Awaitable[None]] | None = None) -> Iterator[TestPostgres]:
    """`migrate` gets the owner's dsn of the database that MIGRATED copies, and must close all its connections."""
    folder = fast_folder()
    run_in_thread(_sweep(folder))
    data_dir = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=folder))
    server = EmbeddedPostgres(data_dir, SETTINGS, roots_state=folder)
    try:
        postgres = TestPostgres(run_in_thread(server.start(lambda _: None)))
        run_in_thread(let_every_role_in(server, data_dir))
        run_in_thread(postgres.make_template(migrate))
        yield postgres
    finally:
        run_in_thread(server.stop())
        remove(data_dir)


async def disconnect_everyone(dsn: str) -> None:
    """Terminate every connection to this database but our own."""
    connection = await asyncpg.connect(dsn, timeout=10)
    await connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'"  # no autovacuum
    )
    await connection.close(timeout=5)


def remove(data_dir: Path) -> None:
    """Remove a data directory, and the homes of its PostgreSQL and its MediaMTX, which are elsewhere when root runs the
    tests."""
    shutil.rmtree((data_dir / "mediamtx" / "conf").resolve().parent, ignore_errors=True)
    shutil.rmtree((data_dir / "postgres").resolve(), ignore_errors=True)
    shutil.rmtree(data_dir, ignore_errors=True)


async def _sweep(folder: Path) -> None:
    """Remove what killed test sessions left behind."""
    for data_dir in folder.glob(f"{_PREFIX}*"):
        owner = int(data_dir.name.removeprefix(_PREFIX).partition("-")[0])
        if data_dir.stat().st_uid == os.geteuid() and not psutil.pid_exists(owner):
            await clear_leftovers(home_of(data_dir, unprivileged_account(), folder).cluster)
            remove(data_dir)
