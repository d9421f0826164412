"""Files and their rows: whatever is killed when, no file and no row is lost, and what is left over is found."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.jobs import store as jobs
from control_plane.storage import store
from control_plane.storage.check import check, repair
from control_plane.storage.files import FileDeletedMeanwhile, Files, TooManyUploads
from control_plane.storage.model import FileName, Storage, StorageUnavailable, public_name
from tests.control_plane.people import new_user

ALL = "select name, state from stored_file"
AGE = "update stored_file set changed_at = now() - interval '2 days'"


class Killed(BaseException):
    """The process ends here: nothing catches it."""


class Dying:
    """The real storage, which dies before or after one of its operations."""

    def __init__(self, storage: Storage, operation: str, *, after: bool) -> None:
        self._storage, self._operation, self._after = storage, operation, after

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._storage, name)
        if name != self._operation:
            return real

        async def dies(*args: Any) -> None:
            if self._after:
                await real(*args)
            raise Killed

        return dies


async def state(database: Database) -> dict[str, str]:
    return {row["name"]: row["state"] for row in await database.fetch(ALL)}


async def use(database: Database, files: Files, used_by: str, names: Collection[FileName]) -> None:
    async with database.transaction() as connection:
        await files.use(connection, used_by, names)


async def run_jobs(database: Database, files: Files) -> int:
    """Run and drop every job that waits, as the worker does."""
    waiting = [job for job in await jobs.latest(database, 100) if job.kind == "delete_file"]
    for job in waiting:
        await files.delete(job.arguments["name"])
        async with database.transaction() as connection:
            await jobs.drop(connection, job.id)
    return len(waiting)


async def test_a_file_is_pending_then_kept_then_gone(files: Files, database: Database) -> None:
    name = await files.add("pictures", b"one", "jpg", owner=await new_user(database))
    assert await state(database) == {name: "pending"}
    await use(database, files, "user/1/picture", [name])
    assert await state(database) == {name: "kept"}
    await use(database, files, "user/1/picture", [])
    assert await state(database) == {name: "deleting"}
    assert await files.storage.size(name) == 3, "only the job deletes"
    assert await run_jobs(database, files) == 1
    assert (await state(database), await files.storage.size(name)) == ({}, None)


async def test_equal_content_is_one_file_until_its_last_use_ends(
    files: Files, database: Database, tmp_path: Path
) -> None:
    (tmp_path / "one").write_bytes(b"one")
    first = await files.add("pictures", b"one", "jpg", owner=None)
    await use(database, files, "user/1/picture", [first])
    assert await files.add("pictures", tmp_path / "one", "jpg", owner=None) == first
    await use(database, files, "user/2/picture", [first])
    await use(database, files, "user/1/picture", [])
    assert await run_jobs(database, files) == 0
    assert await files.storage.size(first) == 3
    await use(database, files, "user/2/picture", [])
    assert await run_jobs(database, files) == 1
    assert await files.storage.size(first) is None


async def test_files_that_are_not_public_are_never_shared(files: Files) -> None:
    names = {await files.add("documents", b"passport", "jpg", owner=None, public=False) for _ in range(2)}
    assert len(names) == 2
    assert all(name.startswith("private/") for name in names)


@pytest.mark.parametrize("after", [False, True])
async def test_killed_while_the_file_is_stored(files: Files, database: Database, after: bool) -> None:
    dying = Files(Dying(files.storage, "put", after=after), database)
    with pytest.raises(Killed):
        await dying.add("pictures", b"one", "jpg", owner=None)
    (name,) = map(FileName, await state(database))
    assert await files.storage.size(name) == (3 if after else None)
    await files.finish()
    assert await state(database) == {name: "pending"}, "it may still be used"
    await database.execute(AGE)
    await files.finish()
    assert await state(database) == {name: "deleting"}
    await database.execute(AGE)
    await files.finish()
    await run_jobs(database, files)
    assert (await state(database), await files.storage.size(name)) == ({}, None)


async def test_a_user_who_tries_again_after_a_kill_has_the_file(files: Files, database: Database) -> None:
    with pytest.raises(Killed):
        await Files(Dying(files.storage, "put", after=False), database).add("pictures", b"one", "jpg", owner=None)
    name = await files.add("pictures", b"one", "jpg", owner=None)
    await use(database, files, "user/1/picture", [name])
    assert (await state(database), await files.storage.size(name)) == ({name: "kept"}, 3)


async def test_a_transaction_that_fails_keeps_the_old_file(files: Files, database: Database) -> None:
    old, new = [await files.add("pictures", content, "jpg", owner=None) for content in (b"old", b"newer")]
    await use(database, files, "user/1/picture", [old])
    with suppress(Killed):
        async with database.transaction() as connection:
            await files.use(connection, "user/1/picture", [new])
            raise Killed
    assert await state(database) == {old: "kept", new: "pending"}
    assert await run_jobs(database, files) == 0


@pytest.mark.parametrize("after", [False, True])
async def test_killed_while_the_file_is_deleted(files: Files, database: Database, after: bool) -> None:
    name = await files.add("pictures", b"one", "jpg", owner=None)
    await use(database, files, "user/1/picture", [name])
    await use(database, files, "user/1/picture", [])
    with pytest.raises(Killed):
        await Files(Dying(files.storage, "delete", after=after), database).delete(name)
    assert await state(database) == {name: "deleting"}
    assert await run_jobs(database, files) == 1
    assert (await state(database), await files.storage.size(name)) == ({}, None)


async def test_a_storage_that_is_away_loses_nothing(files: Files, database: Database) -> None:
    class Away:
        async def put(self, *args: Any) -> None:
            raise StorageUnavailable

        delete = put

    away = Files(Away(), database)  # type: ignore[arg-type]
    with pytest.raises(StorageUnavailable):
        await away.add("pictures", b"one", "jpg", owner=None)
    name = await files.add("pictures", b"one", "jpg", owner=None)
    await use(database, files, "user/1/picture", [name])
    await use(database, files, "user/1/picture", [])
    with pytest.raises(StorageUnavailable):
        await away.delete(name)
    assert await state(database) == {name: "deleting"}
    await files.delete(name)
    assert await state(database) == {}


async def test_a_file_that_is_stored_again_while_it_is_deleted_is_there(files: Files, database: Database) -> None:
    """The deletion has deleted the file and not yet its row when equal content comes."""
    name = await files.add("pictures", b"one", "jpg", owner=None)
    await use(database, files, "user/1/picture", [name])
    await use(database, files, "user/1/picture", [])
    at_it, go_on = asyncio.Event(), asyncio.Event()

    class Slow(Dying):
        def __getattr__(self, attribute: str) -> Any:
            async def delete(deleted: FileName) -> None:
                await files.storage.delete(deleted)
                at_it.set()
                await go_on.wait()

            return delete if attribute == "delete" else getattr(files.storage, attribute)

    deleting = asyncio.create_task(Files(Slow(files.storage, "", after=False), database).delete(name))
    await at_it.wait()
    adding = asyncio.create_task(files.add("pictures", b"one", "jpg", owner=None))
    done, _ = await asyncio.wait([adding], timeout=0.3)
    assert not done, "it waits for the row"
    go_on.set()
    await deleting
    assert await adding == name
    await use(database, files, "user/2/picture", [name])
    assert await run_jobs(database, files) == 1, "the job of the first deletion"
    assert (await state(database), await files.storage.size(name)) == ({name: "kept"}, 3)


async def test_a_use_of_a_file_that_was_given_up_meanwhile_is_refused(files: Files, database: Database) -> None:
    name = await files.add("pictures", b"one", "jpg", owner=None)
    await use(database, files, "user/1/picture", [name])
    await use(database, files, "user/1/picture", [])
    with pytest.raises(FileDeletedMeanwhile):
        await use(database, files, "user/2/picture", [name])


async def test_a_use_that_begins_while_another_ends_keeps_the_file(files: Files, database: Database) -> None:
    name = await files.add("pictures", b"one", "jpg", owner=None)
    await use(database, files, "user/1/picture", [name])
    async with database.transaction() as connection:
        await files.use(connection, "user/2/picture", [name])
        ending = asyncio.create_task(use(database, files, "user/1/picture", []))
        done, _ = await asyncio.wait([ending], timeout=0.3)
        assert not done, "it waits for the row"
    await ending
    assert await state(database) == {name: "kept"}


async def test_two_users_swap_their_pictures_at_once_without_a_deadlock(files: Files, database: Database) -> None:
    contents = {"one": b"one", "two": b"two"}
    for mine, other in [("one", "two"), ("two", "one")] * 5:
        name = {key: await files.add("pictures", content, "jpg", owner=None) for key, content in contents.items()}
        outcomes = await asyncio.gather(
            use(database, files, "user/1/picture", [name[mine]]),
            use(database, files, "user/2/picture", [name[other]]),
            return_exceptions=True,
        )
        assert all(outcome is None or isinstance(outcome, FileDeletedMeanwhile) for outcome in outcomes), outcomes
    await run_jobs(database, files)
    for name_, state_ in (await state(database)).items():
        assert state_ == "pending" or await files.storage.size(FileName(name_)) == 3


async def test_orphans_in_both_directions_are_found(
    files: Files, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.storage.check.YOUNG", dt.timedelta(0))
    fine, lost, overdue = [await files.add("pictures", content, "jpg", owner=None) for content in (b"a", b"b", b"c")]
    for number, name in enumerate((fine, lost, overdue)):
        await use(database, files, f"user/{number}/picture", [name])
    await files.storage.delete(lost)
    await use(database, files, "user/2/picture", [])
    await database.execute(AGE)
    stray = public_name("pictures", bytes(32), "jpg")
    await files.storage.put(stray, b"unknown")
    report = await check(files.storage, database)
    assert (report.files, report.bytes) == (3, 9)
    assert [file.name for file in report.strays] == [stray]
    assert (report.missing, report.overdue) == ([lost], [overdue])
    assert await repair(report, database) == 2
    await run_jobs(database, files)
    report = await check(files.storage, database)
    assert ([*report.strays, *report.overdue], report.missing) == ([], [lost])
    assert await files.storage.size(fine) == 1


async def test_young_strays_are_left_alone(files: Files, database: Database) -> None:
    await files.storage.put(public_name("pictures", bytes(32), "jpg"), b"unknown")
    assert (await check(files.storage, database)).strays == []


async def test_uploads_of_a_user_are_counted_by_day(files: Files, database: Database) -> None:
    user_id: UserId = await new_user(database)
    for _ in range(3):
        await files.count_upload(user_id, "pictures", 3)
    for _ in range(2):
        with pytest.raises(TooManyUploads):
            await files.count_upload(user_id, "pictures", 3)
    await files.count_upload(user_id, "clips", 3)
    await database.execute("update upload_count set day = day - 2")
    await files.count_upload(user_id, "pictures", 3)
    await files.finish()
    assert await database.fetchval("select count(*) from upload_count") == 1


async def test_a_new_salt_ends_the_addresses(files: Files, database: Database) -> None:
    name = await files.add("documents", b"passport", "jpg", owner=None, public=False)
    await use(database, files, "user/1/passport", [name])
    before = await store.by_name(database, name)
    async with database.transaction() as connection:
        await store.end_addresses(connection, "user/1/passport")
    after = await store.by_name(database, name)
    assert before is not None
    assert after is not None
    assert before.salt != after.salt
