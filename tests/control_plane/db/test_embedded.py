"""The embedded PostgreSQL, with real processes that are really killed."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import psutil
import pytest

from control_plane.db.embedded import (
    EmbeddedPostgres,
    EmbeddedPostgresFailed,
    cluster,
    log,
    roles,
    running_dsn,
    running_dsns,
)
from control_plane.db.embedded.home import dsn_of, socket_dir_of
from control_plane.db.embedded.postmaster import wait_until
from control_plane.db.embedded.programs import programs_for, unprivileged_account
from stagedoor.processes.supervisor import ChildGaveUp
from tests.postgres import as_superuser, fast_folder, remove
from tests.stagedoor.processes.supervision import supervised

AS_ROOT = os.geteuid() == 0
THING = "create table thing (name text); grant select on thing to stagedoor; insert into thing values ('kept')"

A_CONTROL_PLANE = """
import asyncio, sys
from pathlib import Path
from control_plane.db.embedded import EmbeddedPostgres

async def main():
    server = EmbeddedPostgres(Path(sys.argv[1]), roots_state=Path(sys.argv[2]))
    await server.start(lambda text: None)
    print(server.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="stagedoor-embedded-", dir=fast_folder()))
    yield folder / "data"
    remove(folder / "data")
    shutil.rmtree(folder)


def embedded(data_dir: Path) -> EmbeddedPostgres:
    """As in the product, but created faster: these tests kill processes, not machines."""
    return EmbeddedPostgres(data_dir, {"fsync": "off"}, roots_state=fast_folder())


@pytest.fixture
async def server(data_dir: Path) -> AsyncIterator[EmbeddedPostgres]:
    """Started, with one table that contains `kept`."""
    server = embedded(data_dir)
    await server.start(say_nothing)
    async with connection(server.dsns.owner) as database:
        await database.execute(THING)
    yield server
    await server.stop()


def say_nothing(text: str) -> None:
    pass


@asynccontextmanager
async def connection(dsn: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    made = await asyncpg.connect(dsn, timeout=30)
    try:
        yield made
    finally:
        made.terminate()


async def things(dsn: str) -> list[str]:
    async with connection(dsn) as database:
        return [row["name"] for row in await database.fetch("select name from thing")]


def family(server: EmbeddedPostgres) -> list[psutil.Process]:
    assert server.pid is not None
    return family_of(server.pid)


def family_of(postmaster: int) -> list[psutil.Process]:
    process = psutil.Process(postmaster)
    return [process, *process.children(recursive=True)]


async def no_longer_running(processes: list[psutil.Process]) -> bool:
    def gone() -> bool:
        return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)

    with suppress(psutil.NoSuchProcess):
        return await wait_until(gone, 30)
    return True


async def start_again(data_dir: Path) -> list[str]:
    """Start a server on this data directory, read its table, and stop it."""
    server = embedded(data_dir)
    try:
        return await things(await server.start(say_nothing))
    finally:
        await server.stop()


async def refusal(data_dir: Path) -> str:
    with pytest.raises(EmbeddedPostgresFailed) as caught:
        await start_again(data_dir)
    return str(caught.value)


async def test_the_first_start_creates_a_cluster_and_the_second_only_starts_it_and_finds_the_data(
    data_dir: Path,
) -> None:
    told: list[str] = []
    server = embedded(data_dir)
    await server.start(told.append)
    async with connection(server.dsns.owner) as database:
        await database.execute(THING)
    await server.stop()
    assert told[-2:] == ["Creating a PostgreSQL database", "Starting PostgreSQL"]

    told.clear()
    await server.start(told.append)
    try:
        assert told == ["Starting PostgreSQL"]
        assert await things(server.dsn) == ["kept"]
    finally:
        await server.stop()


async def test_it_is_a_16_in_utf8_and_utc_that_writes_durably_and_listens_on_no_network(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    async with connection(await server.start(say_nothing)) as database:
        names = ["server_encoding", "TimeZone", "fsync", "synchronous_commit", "full_page_writes", "listen_addresses"]
        found = [await database.fetchval("select current_setting($1)", name) for name in names]
        version = await database.fetchval("select current_setting('server_version')")
        about = await database.fetchrow("select current_user, current_database(), lower('ÄÖ'), 'Z' < 'a'")
    await server.stop()
    assert version.startswith("16.")
    assert found == ["UTF8", "UTC", "on", "on", "on", ""]
    assert about is not None
    assert tuple(about) == ("stagedoor", "stagedoor", "äö", True)


async def test_the_terminals_ctrl_c_does_not_reach_it(server: EmbeddedPostgres) -> None:
    assert server.pid is not None
    assert os.getpgid(server.pid) == server.pid != os.getpgrp()
    assert os.getsid(server.pid) != os.getsid(0)


async def test_stop_leaves_no_process_and_no_connection(server: EmbeddedPostgres, data_dir: Path) -> None:
    async with connection(server.dsn):
        processes = family(server)
        assert len(processes) > 4
        await server.stop()
    assert server.pid is None
    assert running_dsn(data_dir) is None
    assert await no_longer_running(processes)


async def test_stop_ends_even_a_server_that_hangs(server: EmbeddedPostgres, data_dir: Path) -> None:
    processes = family(server)
    for process in processes:
        process.suspend()
    await server.stop(fast_s=0.2)
    assert await no_longer_running(processes)
    assert await start_again(data_dir) == ["kept"]


async def test_a_stop_that_is_cancelled_kills(server: EmbeddedPostgres, data_dir: Path) -> None:
    processes = family(server)
    stopping = asyncio.create_task(server.stop())
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert await no_longer_running(processes)
    assert await start_again(data_dir) == ["kept"]


async def test_a_killed_postmaster_is_replaced_at_once_and_what_was_committed_is_there(
    server: EmbeddedPostgres,
) -> None:
    first = server.pid
    assert first is not None
    async with supervised(server), connection(server.dsn) as database:
        backend = psutil.Process(await database.fetchval("select pg_backend_pid()"))
        backend.suspend()  # it cannot notice that its postmaster is gone, and would keep the next one from starting
        os.kill(first, signal.SIGKILL)
        assert await wait_until(lambda: server.pid not in (first, None), 30)
        assert await things_once_it_is_back(server.dsn) == ["kept"]
        assert await no_longer_running([backend])


async def things_once_it_is_back(dsn: str) -> list[str]:
    async with asyncio.timeout(30):
        while True:
            with suppress(OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError):
                return await things(dsn)
            await asyncio.sleep(0.01)


async def test_a_server_that_fails_five_times_is_given_up_with_the_reason(
    server: EmbeddedPostgres, data_dir: Path
) -> None:
    assert server.pid is not None
    (data_dir / "postgres" / "cluster" / "global" / "pg_control").unlink()
    os.kill(server.pid, signal.SIGKILL)
    async with supervised(server) as supervision:
        with pytest.raises(ChildGaveUp, match=r"PostgreSQL failed 5 times within 60 seconds(?s:.*)pg_control"):
            await asyncio.wait_for(supervision, 20)


async def test_a_server_that_a_killed_control_plane_left_behind_is_stopped_and_replaced(data_dir: Path) -> None:
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", A_CONTROL_PLANE, str(data_dir), str(fast_folder()), stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    leftover = int(await asyncio.wait_for(owner.stdout.readline(), 20))
    dsns = running_dsns(data_dir)
    assert dsns is not None
    async with connection(dsns.owner) as database:
        await database.execute(THING)
    owner.kill()
    await owner.wait()
    processes = family_of(leftover)

    told: list[str] = []
    server = embedded(data_dir)
    await server.start(told.append)
    try:
        assert "Stopping the PostgreSQL that an earlier run left behind" in told
        assert await no_longer_running(processes)
        assert server.pid != leftover
        assert psutil.Process(server.pid).ppid() == os.getpid()
        assert await things(server.dsn) == ["kept"]
        assert "not properly shut down" not in (data_dir / "postgres.log").read_text()
    finally:
        await server.stop()


async def test_a_data_directory_in_use_is_refused_and_its_server_left_alone(
    server: EmbeddedPostgres, data_dir: Path
) -> None:
    assert await refusal(data_dir) == (
        f"The data directory {data_dir} is in use by another process ({os.getpid()}): stop it first, or set"
        " LIVE_DATA_DIR to another directory."
    )
    assert await things(server.dsn) == ["kept"]


async def test_a_pid_file_that_names_a_stranger_by_now_does_not_keep_it_from_starting(
    server: EmbeddedPostgres, data_dir: Path
) -> None:
    await server.stop()
    pid_file = data_dir / "postgres" / "cluster" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{pid_file.parent}\n1700000000\n5432\n{pid_file.parent}\n\n  1 2\nready\n")
    assert running_dsn(data_dir) is None
    assert await start_again(data_dir) == ["kept"]


async def test_a_start_that_is_cut_short_leaves_nothing_half_made(data_dir: Path) -> None:
    server = embedded(data_dir)
    others = psutil.Process().children()
    starting = asyncio.create_task(server.start(say_nothing))
    home = data_dir / "postgres"
    assert await wait_until(lambda: any(home.glob("new-*")), 30)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not (home / "cluster").exists()
    assert psutil.Process().children() == others
    async with connection(await server.start(say_nothing)):
        await server.stop()
    assert sorted(entry.name for entry in home.iterdir()) == ["cluster", "lock"]


async def test_another_process_learns_how_to_reach_the_server(server: EmbeddedPostgres, data_dir: Path) -> None:
    assert running_dsn(data_dir) == server.dsn
    assert running_dsn(data_dir.parent / "elsewhere") is None


async def test_a_data_directory_with_a_long_path_and_odd_characters_will_do(data_dir: Path) -> None:
    deep = data_dir / 'a, "b" c' / ("x" * 100) / "data"
    server = embedded(deep)
    try:
        async with connection(await server.start(say_nothing)) as database:
            assert await database.fetchval("select 1") == 1
            assert running_dsn(deep) == server.dsn
        async with connection(server.dsns.owner) as database:
            assert await database.fetchval("select current_user") == "stagedoor_owner"
    finally:
        await server.stop()
        remove(deep)


def test_the_socket_is_in_the_home_unless_its_path_would_be_too_long_or_hold_a_comma() -> None:
    assert socket_dir_of(Path("/srv/data/postgres")) == Path("/srv/data/postgres")
    for odd in (Path("/srv") / ("x" * 100), Path("/srv/a,b")):
        elsewhere = socket_dir_of(odd)
        assert elsewhere.name.startswith(f"stagedoor-{os.geteuid()}-")
        assert elsewhere != socket_dir_of(odd / "other")


async def test_a_database_of_another_major_version_is_refused(server: EmbeddedPostgres, data_dir: Path) -> None:
    await server.stop()
    (data_dir / "postgres" / "cluster" / "PG_VERSION").write_text("18\n")
    assert "was made by PostgreSQL 18, and this release brings PostgreSQL 16" in await refusal(data_dir)


async def test_a_damaged_database_is_refused_with_the_end_of_the_log(server: EmbeddedPostgres, data_dir: Path) -> None:
    await server.stop()
    cluster = data_dir / "postgres" / "cluster"
    (cluster / "global" / "pg_control").unlink()
    sentence = await refusal(data_dir)
    assert sentence.startswith("PostgreSQL ended with status 2 while it started. From ")
    assert "pg_control" in sentence
    (cluster / "PG_VERSION").unlink()
    assert "is damaged: it has no PG_VERSION" in await refusal(data_dir)


def test_a_full_disk_is_named_as_such(tmp_path: Path) -> None:
    text = 'FATAL:  could not write lock file "postmaster.pid": No space left on device\n'
    (tmp_path / "postgres.log").write_text(text)
    failure = log.failure("PostgreSQL ended with status 1 while it started", tmp_path / "postgres.log", 0)
    assert str(failure) == "PostgreSQL ended with status 1 while it started: no space is left on the disk."


async def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert str(tmp_path / "file") in await refusal(tmp_path / "file" / "data")


@pytest.mark.skipif(not AS_ROOT, reason="only root can give files away")
async def test_a_database_of_another_owner_is_refused(server: EmbeddedPostgres, data_dir: Path) -> None:
    await server.stop()
    os.chown((data_dir / "postgres").resolve(), 12345, 12345)
    assert "belongs to user 12345" in await refusal(data_dir)


@pytest.mark.skipif(not AS_ROOT, reason="only root's database is outside of the data directory")
async def test_roots_database_runs_as_another_user_and_is_reached_by_a_link(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    await server.start(say_nothing)
    users = psutil.Process(server.pid).uids().effective, psutil.Process(server.pid).gids().effective
    await server.stop()
    assert 0 not in users
    home = (data_dir / "postgres").readlink()
    assert home.parent == Path("/var/lib/stagedoor")
    assert home.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(not AS_ROOT, reason="only root's database is outside of the data directory")
async def test_roots_new_data_directory_begins_empty_and_the_removed_ones_database_is_put_aside(
    server: EmbeddedPostgres, data_dir: Path
) -> None:
    await server.stop()
    home = (data_dir / "postgres").readlink()
    (data_dir / "postgres").unlink()
    with pytest.raises(asyncpg.UndefinedTableError):
        await start_again(data_dir)
    assert len(list(home.glob("cluster-until-*"))) == 1


# ── roles ──


def psql(dsn: str, statement: str) -> str:
    command = [str(programs_for(unprivileged_account()) / "psql"), "--tuples-only", dsn, f"--command={statement}"]
    return subprocess.run(command, check=True, timeout=60, capture_output=True, text=True).stdout


async def test_the_server_is_its_own_role_and_the_owner_needs_the_password_of_the_file(
    server: EmbeddedPostgres, data_dir: Path
) -> None:
    file = data_dir / "postgres-owner.pgpass"
    assert file.stat().st_mode & 0o777 == 0o600
    async with connection(server.dsns.owner) as database:
        assert await database.fetchval("select current_user") == "stagedoor_owner"
    assert (await asyncio.to_thread(psql, server.dsns.owner, "table thing")).strip() == "kept"
    without = server.dsns.owner.partition("&passfile")[0]
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(without, password="a guess")
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError, match=r"no pg_hba\.conf entry"):
        await asyncpg.connect(as_superuser(server.dsn))
    async with connection(server.dsn) as database:
        roles = (
            "select rolname::text, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls from pg_roles where rolcanlogin"
        )
        found = {row["rolname"]: tuple(row)[1:] for row in await database.fetch(roles)}
    assert found == {"postgres": (True,) * 4, "stagedoor": (False,) * 4, "stagedoor_owner": (False,) * 4}
    assert file.read_text().split(":")[-1].strip() not in (data_dir / "postgres.log").read_text()


async def test_a_lost_or_foreign_password_file_is_replaced(server: EmbeddedPostgres, data_dir: Path) -> None:
    file = data_dir / "postgres-owner.pgpass"
    for change in (file.unlink, lambda: file.write_text("*:*:*:stagedoor_owner:of another database\n")):
        await server.stop()
        change()
        await server.start(say_nothing)
        async with connection(server.dsns.owner) as database:
            assert await database.fetchval("select count(*) from thing") == 1


EARLIER = """
    create table person (id serial primary key, name text unique);
    create table letter (id bigint generated always as identity, person_id integer references person, state state);
    create function greet() returns trigger language plpgsql as 'begin return new; end';
    create trigger greet before insert on letter for each row execute function greet();
    create view people as select name from person;
    insert into person (name) values ('ann');
    insert into letter (person_id, state) values (1, 'sent')
"""


async def test_the_cluster_of_an_earlier_release_is_taken_over_with_its_data(data_dir: Path) -> None:
    """Before, one superuser `stagedoor` did everything, and needed no password."""
    await as_of_an_earlier_release(data_dir)
    server = embedded(data_dir)
    for _ in range(2):
        await server.start(say_nothing)
        async with connection(server.dsns.owner) as database:
            owners = "select distinct pg_get_userbyid(relowner)::text from pg_class where relnamespace = 'public'::regnamespace"
            assert [row[0] for row in await database.fetch(owners)] == ["stagedoor_owner"]
            assert await database.fetch("select name, state from person join letter on person_id = person.id")
            await database.execute("alter type state add value if not exists 'read'")
            await database.execute("create or replace function greet() returns trigger language plpgsql as 'begin end'")
            await database.execute("alter table letter add column if not exists text text")
        async with connection(server.dsn) as database:
            assert not await database.fetchval("select rolsuper from pg_roles where rolname = current_user")
        await server.stop()


async def test_a_take_over_that_is_cut_short_is_finished_by_the_next_start(data_dir: Path) -> None:
    await as_of_an_earlier_release(data_dir)
    for moment in (1, 1, 2, 4, 5, 6):
        await cut_short(data_dir, moment)
    server = embedded(data_dir)
    await server.start(say_nothing)
    async with connection(server.dsns.owner) as database:
        assert await database.fetchval("select count(*) from letter") == 1
        names = [
            row[0] for row in await database.fetch("select rolname::text from pg_roles where rolcanlogin order by 1")
        ]
    await server.stop()
    assert names == ["postgres", "stagedoor", "stagedoor_owner"]


async def cut_short(data_dir: Path, statements: int) -> None:
    """Start, and fail at a statement of the set-up of the roles."""
    left = statements

    class Cut(Exception):
        pass

    real = asyncpg.Connection.execute

    async def execute(self: asyncpg.Connection[asyncpg.Record], query: str, *args: object, **options: object) -> str:
        nonlocal left
        left -= 1
        if left < 0:
            raise Cut
        return await real(self, query, *args, **options)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncpg.Connection, "execute", execute)
        with pytest.raises(Cut):
            await embedded(data_dir).start(say_nothing)


async def as_of_an_earlier_release(data_dir: Path) -> None:
    """Make a cluster as earlier releases did: initdb with the superuser `stagedoor`, which everything belongs to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "SUPERUSER", "stagedoor")
        patch.setattr(roles, "are_set_up", lambda home: True)
        server = embedded(data_dir)
        await server.start(say_nothing)
        async with connection(
            dsn_of(socket_dir_of((data_dir / "postgres").resolve()), "stagedoor", "postgres")
        ) as database:
            await database.execute("create database stagedoor")
        async with connection(server.dsn) as database:
            await database.execute(f"create type state as enum ('written', 'sent'); {EARLIER}")
        await server.stop()
