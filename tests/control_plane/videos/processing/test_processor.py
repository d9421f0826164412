"""The job that makes the files of uploads: what it writes and tells, and what is killed or broken meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from control_plane.base.ids import UserId
from control_plane.db.pool import Database, DatabaseUnavailable
from control_plane.inbox.model import Kind
from control_plane.inbox.telling import Followers, push_to_followers, tell_all_followers
from control_plane.jobs.kind import Postponed
from control_plane.jobs.metrics import JobMetrics
from control_plane.jobs.worker import Worker
from control_plane.observe.metrics import Metrics
from control_plane.storage.files import Files, delete_file
from control_plane.storage.model import FileName, StorageUnavailable
from control_plane.storage.places import open_storage
from control_plane.storage.space import Space
from control_plane.videos.processing import encoder as encoding
from control_plane.videos.processing import processor as processing
from control_plane.videos.processing.encoder import Encoder, Source
from control_plane.videos.processing.job import LARGE_PIXELS, OVERDUE, enqueue, process_content
from control_plane.videos.processing.model import GIVEN_UP, NO_VIDEO
from control_plane.videos.processing.processor import Processor
from control_plane.videos.processing.telling import tell_of_post
from control_plane.videos.processing_store import begin_again, fail, settle, wait_again
from control_plane.videos.video import ContentId, State, VideoId
from tests.control_plane.people import new_user
from tests.control_plane.videos.processing.content import post
from tests.control_plane.videos.processing.stops import PROCESSING
from tests.control_plane.videos.samples import Samples
from tests.postgres import disconnect_everyone
from tests.waiting import in_background, until

KILLS = PROCESSING if os.environ.get("VIDEO_KILLS") == "all" else ("encoding", "written")
_CONTENT = "select * from video_content where id = $1"
_VIDEO = "select state, posted_at from video where id = $1"
_FILES = "select kind, state from stored_file order by kind"
_ENTRIES = "select kind, video_id, subject_id, text from inbox_entry where receiver_id = $1 order by number"
_OVERDUE = """
    with content as (
        insert into video_content (changed_at) select now() - interval '2 hours' from generate_series(1, 102) returning id)
    insert into video (user_id, content_id, state) select $1, id, 'processing' from content returning content_id
"""
_FOLLOW = "insert into follow (follower_id, followed_id, notified) values ($1, $2, true)"


@pytest.fixture
def files(tmp_path: Path, database: Database) -> Files:
    return Files(open_storage("", tmp_path / "media"), database)


@pytest.fixture
def processor(tmp_path: Path, database: Database, files: Files) -> Processor:
    return Processor(database, files, Encoder(tmp_path / "processing"))


@asynccontextmanager
async def worker(database: Database, dsn: str, processor: Processor, files: Files) -> AsyncIterator[None]:
    kinds = [
        process_content.bind(processor),
        tell_of_post.bind(database),
        push_to_followers.bind(Followers(database)),
        tell_all_followers.bind(Followers(database)),
        delete_file.bind(files),
    ]
    made = Worker(database, dsn, kinds, JobMetrics(Metrics()), lost_after_s=2.0, poll_s=0.2, stop_s=0.2)
    async with in_background(made.run()):
        yield


async def no_jobs(database: Database) -> bool:
    return not await database.fetchval("select count(*) from pgqueuer")


async def told(database: Database, user_id: UserId) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await database.fetch(_ENTRIES, user_id)]


async def test_a_video_is_ready_and_its_followers_are_told(
    database: Database, dsn: str, processor: Processor, files: Files, samples: Samples
) -> None:
    ann, bob, cid = await new_user(database, "ann"), await new_user(database), await new_user(database)
    await database.execute(_FOLLOW, bob, ann)
    video_id, content_id = await post(database, files, ann, await samples.plain("1280x720"), "Cooking")
    await database.execute("insert into video_mention (video_id, user_id) values ($1, $2)", video_id, cid)
    async with worker(database, dsn, processor, files):
        await until(lambda: no_jobs(database), 60)
    video, content = await database.fetchrow(_VIDEO, video_id), await database.fetchrow(_CONTENT, content_id)
    assert video is not None
    assert content is not None
    assert (video["state"], content["state"], content["progress"]) == ("ready", "ready", 100)
    assert video["posted_at"] is not None
    assert (content["width"], content["height"], content["original"]) == (1280, 720, "")
    assert content["duration_ms"] == pytest.approx(1000, abs=100)
    names = {content[name] for name in ("media", "small", "poster", "preview")}
    assert len(names) == 4
    for name in names:
        assert await files.storage.size(name)
    assert [tuple(row) for row in await database.fetch(_FILES)] == [
        ("posters", "kept"),
        ("previews", "kept"),
        ("videos", "kept"),
        ("videos", "kept"),
    ], "the original, with the place where it was recorded, is deleted"
    assert await told(database, bob) == [(Kind.VIDEO_POST, video_id, 0, "Cooking")]
    assert await told(database, cid) == [(Kind.MENTION, video_id, 0, "Cooking")]


async def test_an_upload_that_cannot_be_decoded_says_so_to_its_owner(
    database: Database, dsn: str, processor: Processor, files: Files, samples: Samples
) -> None:
    ann, bob = await new_user(database, "ann"), await new_user(database)
    await database.execute(_FOLLOW, bob, ann)
    video_id, content_id = await post(database, files, ann, await samples.picture())
    async with worker(database, dsn, processor, files):
        await until(lambda: no_jobs(database), 60)
    content, video = await database.fetchrow(_CONTENT, content_id), await database.fetchrow(_VIDEO, video_id)
    assert content is not None
    assert video is not None
    assert (content["state"], content["failure"]) == ("failed", NO_VIDEO)
    assert (video["state"], video["posted_at"]) == ("failed", None)
    assert await told(database, ann) == [(Kind.VIDEO_FAILED, None, video_id, NO_VIDEO)]
    assert await told(database, bob) == []
    assert await files.storage.size(content["original"]), "an operator can look at it, and try again"


@pytest.mark.parametrize("state", ["failed", "ready"])
async def test_an_equal_upload_later_leaves_a_failed_video_as_it_is(
    database: Database, dsn: str, processor: Processor, files: Files, samples: Samples, state: str
) -> None:
    ann, bob, cid = [await new_user(database, name) for name in ("ann", "bob", "cid")]
    await database.execute(_FOLLOW, cid, ann)
    upload = await (samples.picture() if state == "failed" else samples.plain())
    first, content_id = await post(database, files, ann, upload)
    async with database.transaction() as connection:
        await fail(connection, content_id, "No space.")
        await settle(connection, content_id, State.FAILED)
    async with database.transaction() as connection:
        assert await begin_again(connection, content_id)
    second, _ = await post(database, files, bob, upload)
    async with worker(database, dsn, processor, files):
        await until(lambda: no_jobs(database), 60)
    assert (await state_of(database, first), await state_of(database, second)) == ("failed", state)
    assert (await told(database, ann), await told(database, cid)) == ([], []), "they were told then"
    assert len(await told(database, bob)) == (state == "failed")
    async with database.transaction() as connection:
        assert await wait_again(connection, content_id) == (state == "ready"), "an operator's retry"


async def test_equal_uploads_are_encoded_once(
    database: Database, dsn: str, processor: Processor, files: Files, samples: Samples
) -> None:
    ann, bob = await new_user(database), await new_user(database)
    upload = await samples.plain()
    first, content_id = await post(database, files, ann, upload)
    second, same = await post(database, files, bob, upload)
    assert same == content_id
    assert await database.fetchval("select count(*) from pgqueuer where entrypoint = 'process_content'") == 1
    async with worker(database, dsn, processor, files):
        await until(lambda: no_jobs(database), 60)
        media = await database.fetchval("select media from video_content")
        third, _ = await post(database, files, bob, upload)
        await until(lambda: no_jobs(database), 60)
    for video_id in (first, second, third):
        assert await state_of(database, video_id) == "ready"
    assert await database.fetchval("select media from video_content") == media


async def state_of(database: Database, video_id: VideoId) -> str:
    state: str = await database.fetchval("select state from video where id = $1", video_id)
    return state


async def test_a_video_that_is_deleted_meanwhile_stays_deleted(
    database: Database, processor: Processor, files: Files, samples: Samples
) -> None:
    ann = await new_user(database)
    video_id, content_id = await post(database, files, ann, await samples.plain())
    await database.execute("update video set state = 'deleted', deleted_at = now() where id = $1", video_id)
    await processor.process(content_id)
    assert await state_of(database, video_id) == "deleted"


async def test_the_work_on_a_video_ends_when_it_is_deleted(
    database: Database, files: Files, samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left of it but the upload, which is deleted with the video after its grace."""
    monkeypatch.setattr(encoding, "PROGRESS_S", 0.01)
    ann = await new_user(database)
    video_id, content_id = await post(database, files, ann, await samples.plain("1280x720", seconds=2))
    deleted = False

    class Deleting(Encoder):
        def encoded(self, upload: Source, tell: Any) -> Any:
            async def deleting(percent: int) -> None:
                nonlocal deleted
                if any("ffmpeg" in child.name() for child in psutil.Process().children()):
                    deleted = True
                    await database.execute(
                        "update video set state = 'deleted', deleted_at = now() where id = $1", video_id
                    )
                await tell(percent)

            return super().encoded(upload, deleting)

    await Processor(database, files, Deleting(tmp_path / "processing")).process(content_id)
    assert deleted
    assert not any("ffmpeg" in child.name() for child in psutil.Process().children())
    assert list((tmp_path / "processing").iterdir()) == []
    assert [tuple(row) for row in await database.fetch(_FILES)] == [("originals", "kept")]
    assert await state_of(database, video_id) == "deleted"


async def test_a_video_that_comes_while_a_job_ends_has_a_job(
    database: Database, processor: Processor, files: Files, samples: Samples
) -> None:
    """A job that has found no video to work for is on the list until its end is written, and does not look again."""
    ann, upload = await new_user(database), await samples.plain()
    first, content_id = await post(database, files, ann, upload)
    await database.execute("update video set state = 'deleted', deleted_at = now() where id = $1", first)
    await database.execute("update pgqueuer set status = 'picked'")
    await processor.process(content_id)
    for _ in range(2):  # one job is enough for both
        await post(database, files, ann, upload)
        assert await database.fetchval("select count(*) from pgqueuer where status = 'queued'") == 1


class Usage(NamedTuple):
    free: int


async def test_a_video_waits_while_the_disk_is_full_or_storage_fails(
    database: Database,
    samples: Samples,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(processing, "WAITS_S", (0.01, 0.01))
    failures = 3

    class Failing(Files):
        async def add(self, kind: str, *arguments: Any, **options: Any) -> FileName:
            nonlocal failures
            if failures and kind == "videos":
                failures -= 1
                raise StorageUnavailable
            return await super().add(kind, *arguments, **options)

    files = Failing(open_storage("", tmp_path / "media"), database)
    video_id, content_id = await post(database, files, await new_user(database), await samples.plain())
    usage = shutil.disk_usage(tmp_path)
    full = Usage(1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: full)
    processor = Processor(database, files, Encoder(tmp_path / "processing", space=Space(tmp_path, 1000)))
    with pytest.raises(Postponed):
        await processor.process(content_id)
    assert len(waits(caplog)) == 3, "twice in its place, then for longer"
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(Postponed):
        await processor.process(content_id)
    assert waits(caplog)[3:] == [str(StorageUnavailable())] * 3
    assert await state_of(database, video_id) == "processing"
    failures = 2
    await processor.process(content_id)
    assert await state_of(database, video_id) == "ready"


def waits(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Why it waited."""
    return [vars(record)["why"] for record in caplog.records if record.message == "video_waits"]


@pytest.mark.parametrize("pixels", [LARGE_PIXELS - 1, LARGE_PIXELS])
async def test_the_work_decides_which_videos_wait_for_each_other(
    database: Database, files: Files, samples: Samples, pixels: int
) -> None:
    """Not the bytes: 15 minutes of a still picture in 4K are a few."""
    await post(database, files, await new_user(database), await samples.plain(), pixels=pixels)
    kind = "process_large_content" if pixels >= LARGE_PIXELS else "process_content"
    assert [row["entrypoint"] for row in await database.fetch("select entrypoint from pgqueuer")] == [kind]


@pytest.mark.parametrize("step", KILLS)
async def test_what_a_killed_worker_began_is_ended_once(
    database: Database, dsn: str, processor: Processor, files: Files, samples: Samples, tmp_path: Path, step: str
) -> None:
    ann, bob = await new_user(database, "ann"), await new_user(database)
    await database.execute(_FOLLOW, bob, ann)
    video_id, content_id = await post(database, files, ann, await samples.plain("1280x720", seconds=2))
    module = "tests.control_plane.videos.processing.killed"
    arguments = [dsn, str(tmp_path / "media"), str(tmp_path / "killed"), step]
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert killed.stdout is not None
        async with asyncio.timeout(60):
            assert await killed.stdout.readline() == f"{step}\n".encode()
        children = psutil.Process(killed.pid).children()
        assert bool(children) == (step == "encoding")
        for child in children:
            await until(lambda: "ffmpeg" in child.name(), what="ffmpeg runs")  # noqa: B023
            child.suspend()  # so that it does not end by itself
    finally:
        killed.send_signal(signal.SIGKILL)
        await killed.wait()
    try:
        await until(lambda: not any(map(is_alive, children)), what="ffmpeg ends with the worker")
    finally:
        for child in filter(is_alive, children):
            child.kill()
    async with worker(database, dsn, processor, files):
        await until(lambda: no_jobs(database), 60)
    assert await state_of(database, video_id) == "ready"
    assert await told(database, bob) == [(Kind.VIDEO_POST, video_id, 0, "")]
    content = await database.fetchrow(_CONTENT, content_id)
    assert content is not None
    names = [content[name] for name in ("media", "small", "poster", "preview")]
    kept = await database.fetch("select name from stored_file where state = 'kept'")
    assert {row["name"] for row in kept} == set(names), "the other files are deleted after a day"
    for name in names:
        assert await files.storage.size(name)


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


async def test_a_database_that_goes_away_meanwhile_does_not_end_the_work(
    database: Database, dsn: str, files: Files, samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "PROGRESS_S", 0.01)
    ann = await new_user(database)
    video_id, _ = await post(database, files, ann, await samples.plain("1280x720", seconds=2))
    runs = disconnections = 0

    class Disconnecting(Encoder):
        def encoded(self, upload: Source, tell: Any) -> Any:
            nonlocal runs
            runs += 1

            async def disconnected(percent: int) -> None:
                nonlocal disconnections
                disconnections += 1
                await disconnect_everyone(dsn)
                await tell(percent)

            return super().encoded(upload, disconnected)

    processor = Processor(database, files, Disconnecting(tmp_path / "processing"))
    async with worker(database, dsn, processor, files):
        await until(lambda: is_ready(database, video_id), 60)
    # The worker itself may lose the job with its connection, and take it again. The encoding does not end each time.
    assert runs < disconnections


async def is_ready(database: Database, video_id: VideoId) -> bool:
    with suppress(DatabaseUnavailable):
        return await state_of(database, video_id) == "ready"
    return False


async def test_an_ffmpeg_that_is_killed_is_no_fault_of_the_video(
    database: Database, files: Files, samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding, "PROGRESS_S", 0.01)
    ann = await new_user(database)
    _, content_id = await post(database, files, ann, await samples.plain("1280x720", seconds=2))

    class Killing(Encoder):
        def encoded(self, upload: Source, tell: Any) -> Any:
            async def killing(percent: int) -> None:
                for child in psutil.Process().children():
                    if "ffmpeg" in child.name():
                        child.kill()
                await tell(percent)

            return super().encoded(upload, killing)

    with pytest.raises(Exception, match="status -9"):
        await Processor(database, files, Killing(tmp_path / "processing")).process(content_id)
    assert await database.fetchval("select state from video_content") == "processing"


async def test_a_content_whose_job_is_dead_fails_in_the_end(
    database: Database, dsn: str, processor: Processor, files: Files, samples: Samples
) -> None:
    ann = await new_user(database)
    upload = await samples.plain()
    waiting, _ = await post(database, files, ann, upload)
    dead, content_id = await post(database, files, ann, await samples.silent())
    await database.execute("update video_content set changed_at = now() - interval '2 hours'")
    await kill_job(database, content_id)
    await processor.give_up(OVERDUE)
    assert await database.fetchval("select state from video_content where id = $1", content_id) == "failed"
    async with worker(database, dsn, processor, files):
        await until(lambda: only_dead(database), 60)
    assert (await state_of(database, waiting), await state_of(database, dead)) == ("ready", "failed")
    assert await told(database, ann) == [(Kind.VIDEO_FAILED, None, dead, GIVEN_UP)]


async def test_contents_that_wait_long_do_not_hide_those_whose_job_is_dead(
    database: Database, processor: Processor
) -> None:
    rows = await database.fetch(_OVERDUE, await new_user(database))
    *waiting, dead = sorted(row["content_id"] for row in rows)
    async with database.transaction() as connection:
        for content_id in waiting:
            await enqueue(connection, content_id)
    await processor.give_up(OVERDUE)
    rows = await database.fetch("select id from video_content where state = 'failed'")
    assert [row["id"] for row in rows] == [dead]


async def kill_job(database: Database, content_id: ContentId) -> None:
    await database.execute("update pgqueuer set status = 'failed' where dedupe_key = $1", f"video-content-{content_id}")


async def only_dead(database: Database) -> bool:
    return not await database.fetchval("select count(*) from pgqueuer where status <> 'failed'")


async def test_the_first_video_of_a_user_does_not_wait_for_all_of_another_user(
    database: Database, files: Files, tmp_path: Path
) -> None:
    upload, ann, ben = tmp_path / "upload", await new_user(database, "ann"), await new_user(database, "ben")
    waiting = []
    for number, user_id in enumerate((ann, ann, ann, ben)):
        upload.write_bytes(bytes([number]))
        waiting.append((await post(database, files, user_id, upload))[1])
    jobs = await database.fetch("select payload, priority from pgqueuer order by id")
    assert [json.loads(job["payload"])["content_id"] for job in jobs] == waiting
    assert [job["priority"] for job in jobs] == [0, -1, -2, 0]
