"""Real backups and restores with the same secrets: keys and tokens issued after the backup are refused, and no viewer
resumes on events that were lost."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest

from control_plane.accounts.sessions import Sessions
from control_plane.base.ids import StreamId, UserId
from control_plane.base.signing import Keyring
from control_plane.config.secrets import Purpose, Secrets, load_or_create
from control_plane.db.embedded import EmbeddedPostgres
from control_plane.db.embedded.programs import programs_for, unprivileged_account
from control_plane.db.embedded.roles import SERVER
from control_plane.db.migrate import migrate
from control_plane.db.pool import Database, open_pool
from control_plane.eventlog.log import EventLog
from control_plane.gifts.events import Person
from control_plane.live import store as live
from control_plane.live.snapshot import Resume, Snapshot
from control_plane.operations import audit
from control_plane.operations.audit import Actor
from control_plane.operations.installation import DatabaseReplaced, Found, Renewed, keep, recognise, renew
from control_plane.streams import store as streams
from control_plane.streams.keys import StreamKey, StreamKeys
from control_plane.streams.model import Stream
from control_plane.streams.probing.keys import ProbeKeys
from control_plane.streams.probing.model import ProbeKey
from tests.control_plane.live.readers import Unheard, give, new_stream
from tests.control_plane.people import new_user
from tests.postgres import (
    EMPTY,
    SETTINGS,
    TestPostgres,
    as_owner,
    as_superuser,
    by_owner,
    fast_folder,
    let_every_role_in,
    remove,
)
from tests.waiting import until

OPERATOR = Actor("cli:test")


@dataclass(frozen=True)
class Broadcaster:
    """A user with a stream, and all their keys and tokens."""

    user_id: UserId
    stream_id: StreamId
    token: str
    stream_key: StreamKey
    probe_key: ProbeKey


@dataclass
class Accident:
    """Users from before and after the backup, and the events that a viewer of anna's stream received."""

    secrets: Secrets
    path: Path
    """The file beside the secrets."""
    anna: Broadcaster = field(init=False)
    anna_later: str = field(init=False)
    """A token of anna that was issued after the backup."""
    ben: UserId = field(init=False)
    ben_token: str = field(init=False)
    """A token that was issued before the backup and revoked after it."""
    late: Broadcaster = field(init=False)
    path_at_backup: str = ""
    """Content of the file beside the secrets at the time of the backup."""
    seen: Resume = field(init=False)

    def sessions(self, database: Database) -> Sessions:
        return Sessions(self.secrets[Purpose.SESSION], database, ttl_s=1000)

    @property
    def _publish(self) -> Keyring:
        return self.secrets[Purpose.PUBLISH]

    async def goes_live(self, database: Database, name: str) -> Broadcaster:
        user_id = await new_user(database, name)
        stream_id = await new_stream(database, user_id)
        stream = await read(database, stream_id)
        return Broadcaster(
            user_id,
            stream_id,
            await self.sessions(database).issue(user_id),
            StreamKeys(self._publish).issue(stream.id, stream.key_version, stream.key_salt),
            ProbeKeys(self.secrets[Purpose.PLAYBACK]).issue(stream.id, stream.key_salt),
        )

    async def before_the_backup(self, database: Database) -> None:
        assert await recognise(database, self.path) is Found.SAME
        self.anna = await self.goes_live(database, "anna")
        self.ben = await new_user(database, "ben")
        self.ben_token = await self.sessions(database).issue(self.ben)
        await self._gifts(database, 4)

    async def after_the_backup(self, database: Database) -> None:
        assert await recognise(database, self.path) is Found.SAME
        await self._gifts(database, 3)
        seen = await snapshot(database, self.anna.stream_id)
        self.seen = Resume(seen.last_seq, seen.epoch)
        self.anna_later = await self.sessions(database).issue(self.anna.user_id)
        await self.sessions(database).revoke_all(self.ben)
        self.late = await self.goes_live(database, "late")

    async def _gifts(self, database: Database, count: int) -> None:
        log = EventLog(database, Unheard())
        for _ in range(count):
            await give(log, self.anna.stream_id, Person(self.ben, "ben", ""), 1, self.anna.user_id)
        await log.close()

    async def nothing_of_after_the_backup_opens_anything(self, database: Database) -> None:
        victim = await self.goes_live(database, "victim")
        assert (victim.user_id, victim.stream_id) == (self.late.user_id, self.late.stream_id), "given out again"
        sessions = self.sessions(database)
        for void in (self.late.token, self.anna_later, self.ben_token):
            assert await sessions.identify(void) is None
        assert await sessions.identify(victim.token) is not None
        assert await self._opens(database, self.late) == (False, False)
        assert await self._opens(database, victim) == (True, True)
        await self.a_viewer_starts_from_the_snapshot(database)

    async def a_viewer_starts_from_the_snapshot(self, database: Database) -> None:
        await self._gifts(database, 4)  # others, whose numbers the viewer has seen on the lost ones
        for resume in (
            self.seen,
            Resume(self.seen.after),
            Resume(8),
            Resume(2, self.seen.epoch),
            Resume(0, self.seen.epoch),
        ):
            found = await snapshot(database, self.anna.stream_id, resume)
            assert (found.recovered, found.replay) == (False, [])
            assert found.last_seq == 8
            assert found.epoch != self.seen.epoch
        again = await snapshot(database, self.anna.stream_id, Resume(7, found.epoch))
        assert (again.recovered, len(again.replay)) == (True, 1)

    async def sessions_and_keys_ended(self, database: Database) -> None:
        """All of them must have ended, because the restore lost which of them were revoked after the backup."""
        assert await self.sessions(database).identify(self.anna.token) is None
        assert await self._opens(database, self.anna) == (False, False)
        assert await self.sessions(database).identify(await self.sessions(database).issue(self.anna.user_id))

    async def sessions_and_keys_continue(self, database: Database) -> None:
        assert await self.sessions(database).identify(self.anna.token) is not None
        assert await self._opens(database, self.anna) == (True, True)

    async def _opens(self, database: Database, person: Broadcaster) -> tuple[bool, bool]:
        """Whether the person's keys are valid for the stream that has that id now, for publishing and for the probe."""
        stream = await read(database, person.stream_id)
        keys, probe_keys = StreamKeys(self._publish), ProbeKeys(self.secrets[Purpose.PLAYBACK])
        return (
            keys.verify(person.stream_key, stream.id, stream.key_version, stream.key_salt),
            probe_keys.verify(person.probe_key, stream.id, stream.key_salt),
        )


async def read(database: Database, stream_id: StreamId) -> Stream:
    stream = await streams.get(database, stream_id)
    assert stream is not None
    return stream


async def snapshot(database: Database, stream_id: StreamId, resume: Resume | None = None) -> Snapshot:
    async with database.connection() as connection:
        found = await live.snapshot(connection, stream_id, resume)
    assert found is not None
    return found


async def acts(database: Database) -> list[tuple[str, str]]:
    return [(entry.actor, entry.act) for entry in reversed(await audit.latest(database, 10))]


@pytest.fixture
def accident(tmp_path: Path) -> Accident:
    return Accident(load_or_create(tmp_path / "secrets.json"), tmp_path / "incarnation.json")


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Database]:
    database = await open_pool(dsn, size=5)
    try:
        yield database
    finally:
        await database.close()


# ── dumps ──


def program(name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs as `docs/operations.md` does."""
    path = programs_for(unprivileged_account()) / name
    subprocess.run([path, *arguments], check=True, timeout=60, capture_output=True, env={"LC_ALL": "C"})


class Cluster:
    """A PostgreSQL of its own, whose files a test copies and restores."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    @asynccontextmanager
    async def running(self, settings: Mapping[str, str] = {}) -> AsyncIterator[str]:
        server = EmbeddedPostgres(self._data_dir, {**SETTINGS, **settings}, roots_state=fast_folder())
        try:
            dsn = await server.start(lambda _: None)
            await let_every_role_in(server, self._data_dir)
            await self._promoted(dsn)
            yield dsn
        finally:
            await server.stop()

    @staticmethod
    async def _promoted(dsn: str) -> None:
        """Wait for the promotion to end: the server accepts connections a moment before it accepts writes."""
        connection = await asyncpg.connect(dsn)
        try:
            await until(lambda: connection.fetchval("select not pg_is_in_recovery()"), 30)
        finally:
            await connection.close()

    @property
    def files(self) -> Path:
        return (self._data_dir / "postgres").resolve() / "cluster"

    def copy(self, name: str) -> Path:
        """Copy the files with their owner, while the server is stopped."""
        copy = self.files.with_name(name)
        subprocess.run(["cp", "-a", self.files, copy], check=True, timeout=60)
        return copy

    def put_back(self, copy: Path) -> None:
        shutil.rmtree(self.files)
        subprocess.run(["cp", "-a", copy, self.files], check=True, timeout=60)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="stagedoor-restore-", dir=fast_folder()))
    yield Cluster(folder / "data")
    remove(folder / "data")
    shutil.rmtree(folder)


@pytest.mark.parametrize("file_is_kept", [True, False])
async def test_a_dump_restored_into_the_same_cluster(
    postgres: TestPostgres, accident: Accident, tmp_path: Path, *, file_is_kept: bool
) -> None:
    source = await postgres.create_database()
    await dump_amid(accident, source, tmp_path / "dump")
    await postgres.drop_database(source)
    if not file_is_kept:
        accident.path.unlink()
    async with postgres.database(EMPTY) as empty:
        await restored_from(tmp_path / "dump", empty, accident)


async def test_a_dump_restored_into_another_cluster(
    postgres: TestPostgres, accident: Accident, tmp_path: Path, cluster: Cluster
) -> None:
    async with postgres.database() as source:
        await dump_amid(accident, source, tmp_path / "dump")
    async with cluster.running() as empty:
        await restored_from(tmp_path / "dump", empty, accident)


async def test_a_dump_restored_into_the_tables_that_are_there(dsn: str, accident: Accident, tmp_path: Path) -> None:
    """The table's number is what it was: only the counter tells."""
    await dump_amid(accident, dsn, tmp_path / "dump")
    async with opened(as_superuser(dsn)) as database:
        every = "select string_agg(tablename, ', ') from pg_tables where schemaname = 'public'"
        tables = await database.fetchval(every)
        await database.execute(
            f"set session_replication_role = replica; truncate {tables}; reset session_replication_role"
        )
    data_only = ("--data-only", "--disable-triggers", f"--dbname={as_superuser(dsn)}", str(tmp_path / "dump"))
    await asyncio.to_thread(program, "pg_restore", *data_only)
    async with opened(dsn) as database:
        await recognised(database, accident)


async def dump_amid(accident: Accident, source: str, file: Path) -> None:
    async with opened(source) as database:
        await accident.before_the_backup(database)
        await asyncio.to_thread(program, "pg_dump", "--format=custom", f"--file={file}", source)
        await accident.after_the_backup(database)


async def restored_from(file: Path, target: str, accident: Accident) -> None:
    await asyncio.to_thread(
        program, "pg_restore", "--no-owner", "--no-privileges", f"--dbname={as_owner(target)}", str(file)
    )
    await migrate(as_owner(target), server_role=SERVER)
    async with opened(target) as database:
        await recognised(database, accident)


async def recognised(database: Database, accident: Accident) -> None:
    assert await recognise(database, accident.path) is Found.RESTORED
    await accident.nothing_of_after_the_backup_opens_anything(database)
    await accident.sessions_and_keys_ended(database)
    assert await acts(database) == [("server", "database.restored")]
    assert await recognise(database, accident.path) is Found.SAME, "once"


async def test_a_move_of_which_an_operator_says_that_it_lost_nothing(
    postgres: TestPostgres, accident: Accident, tmp_path: Path
) -> None:
    async with postgres.database() as source, postgres.database(EMPTY) as target:
        await dump_amid(accident, source, tmp_path / "dump")
        await asyncio.to_thread(
            program,
            "pg_restore",
            "--no-owner",
            "--no-privileges",
            f"--dbname={as_owner(target)}",
            str(tmp_path / "dump"),
        )
        await migrate(as_owner(target), server_role=SERVER)
        async with opened(target) as database:
            assert await renew(database, accident.path, OPERATOR, keep_sessions=True) == Renewed(users=0, streams=0)
            assert await recognise(database, accident.path) is Found.SAME
            await accident.sessions_and_keys_continue(database)
            await accident.a_viewer_starts_from_the_snapshot(database)


# ── copies of files ──


@pytest.fixture
async def put_back(cluster: Cluster, accident: Accident) -> Cluster:
    """Restore the database's files from the backup, but not the file beside the secrets."""
    async with cluster.running() as dsn:
        await migrate(as_owner(dsn), server_role=SERVER)
        async with opened(dsn) as database:
            await accident.before_the_backup(database)
    backup = cluster.copy("backup")
    kept = accident.path.read_text()
    async with cluster.running() as dsn, opened(dsn) as database:
        await accident.after_the_backup(database)
    cluster.put_back(backup)
    accident.path_at_backup = kept
    return cluster


async def test_the_files_of_the_database_put_back(put_back: Cluster, accident: Accident) -> None:
    async with put_back.running() as dsn, opened(dsn) as database:
        await recognised(database, accident)


async def test_a_copy_of_everything_put_back_takes_an_operators_word(put_back: Cluster, accident: Accident) -> None:
    accident.path.write_text(accident.path_at_backup)
    async with put_back.running() as dsn, opened(dsn) as database:
        assert await recognise(database, accident.path) is Found.SAME, "nothing is there to tell it by"
        assert await renew(database, accident.path, OPERATOR) == Renewed(users=2, streams=1)
        await accident.nothing_of_after_the_backup_opens_anything(database)
        await accident.sessions_and_keys_ended(database)
        assert await acts(database) == [(OPERATOR, "database.renewed")]
        assert await recognise(database, accident.path) is Found.SAME


async def test_a_restore_to_a_point_in_time(cluster: Cluster, accident: Accident) -> None:
    """A base backup, and the log up to the moment before the accident."""
    async with cluster.running() as dsn:
        await migrate(as_owner(dsn), server_role=SERVER)
    backup = cluster.copy("backup")
    async with cluster.running() as dsn, opened(dsn) as database:
        await accident.before_the_backup(database)
        moment = await database.fetchval("select pg_current_wal_insert_lsn()::text")
        await accident.after_the_backup(database)
    archive = cluster.copy("archive") / "pg_wal"
    cluster.put_back(backup)
    (cluster.files / "recovery.signal").touch()
    recovery = {
        "restore_command": f"cp '{archive}/%f' '%p'",
        "recovery_target_lsn": moment,
        "recovery_target_action": "promote",
        "full_page_writes": "on",
    }
    async with cluster.running(recovery) as dsn, opened(dsn) as database:
        assert await database.fetchval("select substring(pg_walfile_name(pg_current_wal_insert_lsn()) for 8)::int") == 2
        for table in (
            "app_user",
            "stream",
        ):  # PostgreSQL logs sequences 32 ahead, so here ids are skipped, not given out again
            sequence = f"pg_get_serial_sequence('{table}', 'id')"
            await by_owner(database, f"select setval({sequence}, (select max(id) from {table}))")
        await recognised(database, accident)


async def test_a_standby_that_took_over_keeps_sessions_and_gets_new_epochs(
    cluster: Cluster, accident: Accident
) -> None:
    """Nothing is behind the file: a failover is no reason to sign everybody out."""
    async with cluster.running() as dsn:
        await migrate(as_owner(dsn), server_role=SERVER)
        async with opened(dsn) as database:
            await accident.before_the_backup(database)
            before = (await snapshot(database, accident.anna.stream_id)).epoch
    (cluster.files / "recovery.signal").touch()
    async with cluster.running({"restore_command": "false"}) as dsn, opened(dsn) as database:
        assert await recognise(database, accident.path) is Found.PROMOTED
        await accident.sessions_and_keys_continue(database)
        assert (await snapshot(database, accident.anna.stream_id)).epoch != before
        assert await recognise(database, accident.path) is Found.SAME


# ── while a server runs ──


async def test_a_server_whose_database_is_put_back_ends(postgres: TestPostgres, accident: Accident) -> None:
    """What it remembers, its table of streams and the sockets' positions, is of the database before."""
    async with postgres.database() as dsn, opened(dsn) as database:
        await accident.before_the_backup(database)
        noting = asyncio.create_task(keep(database, accident.path, beat_s=0.01))
        async with asyncio.timeout(20):
            while await database.fetchval("select beat from installation") < 5:
                assert not noting.done()
            await database.execute("update installation set beat = 1")
            with pytest.raises(DatabaseReplaced, match="Start the server again"):
                await noting
