"""Deletion of videos: hidden at once, counted right whatever happens at the same moment, and removed with their files."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import asyncpg
import msgspec
import pytest

from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.inbox.model import Kind, Told
from control_plane.inbox.retention import delete_entries_of_video
from control_plane.inbox.telling import Followers, push_to_followers, tell, tell_all_followers
from control_plane.storage.check import check
from control_plane.storage.files import Files, Measured, delete_file
from control_plane.storage.places import Folder
from control_plane.videos import deletion, personal_data
from control_plane.videos.deletion import VideoDeletion
from control_plane.videos.lists_store import related
from control_plane.videos.pages import NEWEST, Start
from control_plane.videos.posting import Arrived, ContentRefused, NewVideo, Said
from control_plane.videos.store import seen_by_ids
from control_plane.videos.video import VideoId, VideoNotFound
from tests.api.served import served
from tests.control_plane.counted import wrong_counters
from tests.control_plane.people import new_user
from tests.control_plane.videos.rows import add_stored
from tests.control_plane.videos.samples import Samples, drawn
from tests.postgres import by_owner
from tests.waiting import DEADLINE_S, until

GRACE = dt.timedelta(hours=24)
CONTENT = {"original": b"o" * 100, "media": b"m" * 100, "small": b"s" * 100, "poster": b"p" * 100}
LIKE = "insert into video_like (video_id, user_id) values ($1, $2) on conflict do nothing"
UNLIKE = "delete from video_like where video_id = $1 and user_id = $2"
_LIKES = "select coalesce(sum(value), 0)::int from counter where name = 'user.likes' and subject_id = $1"
_WAITS = "select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"


class House(NamedTuple):
    database: Database
    files: Files
    deletion: VideoDeletion

    async def video(self, owner: UserId, *, sha256: bytes | None = None) -> VideoId:
        return await add_stored(self.database, self.files, owner, CONTENT, sha256=sha256)

    async def age(self, age: dt.timedelta) -> None:
        """Make every deletion as old."""
        await self.database.execute("update video set deleted_at = now() - $1::interval where state = 'deleted'", age)

    async def remove(self) -> None:
        """Run the jobs, some time after the grace."""
        await self.age(GRACE + dt.timedelta(minutes=1))
        await self.deletion.remove_due()
        for row in await self.database.fetch("select name from stored_file where state = 'deleting'"):
            await delete_file.function(self.files, row["name"])

    async def stored(self) -> int:
        """The number of files. None is without a row, and no row is without one."""
        report = await check(self.files.storage, self.database)
        assert (report.strays, report.missing) == ([], [])
        return report.files

    async def likes(self, user_id: UserId) -> int:
        likes: int = await self.database.fetchval(_LIKES, user_id)
        return likes


@pytest.fixture
async def house(database: Database, tmp_path: Path) -> House:
    files = Files(Folder(tmp_path / "media"), database)
    return House(database, files, VideoDeletion(database, files, GRACE))


@pytest.fixture
async def ann(database: Database) -> UserId:
    return await new_user(database, "ann")


@pytest.fixture
async def ben(database: Database) -> UserId:
    return await new_user(database, "ben")


@pytest.fixture
async def other(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection whose transaction is under way while a video is deleted."""
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


REACT = """
    insert into video_like (video_id, user_id) values ({0}, {1});
    insert into video_favourite (video_id, user_id) values ({0}, {1});
    insert into video_repost (video_id, user_id) values ({0}, {1});
    insert into video_share (video_id, user_id) values ({0}, {1});
    insert into not_interested (video_id, user_id) values ({0}, {1});
    insert into video_view (video_id, viewer, half_hour, user_id) values ({0}, '{1}', 1, {1}), ({0}, 'guest {1}', 1, null);
    insert into video_comment (video_id, user_id, text) values ({0}, {1}, 'good');
    insert into video_comment (video_id, user_id, parent_id, text) select {0}, {1}, max(id), 'yes' from video_comment;
    insert into comment_like (comment_id, user_id) select id, {1} from video_comment where video_id = {0};
    update video set pin_comment_id = (select min(id) from video_comment where video_id = {0}) where id = {0};
    insert into video_mention (video_id, user_id) values ({0}, {1});
    insert into hashtag (name) values ('a') on conflict do nothing;
    insert into video_hashtag (video_id, hashtag_id) select {0}, id from hashtag on conflict do nothing;
"""
PIN = """
    insert into video_comment (video_id, user_id, text) values ({0}, {1}, 'first');
    insert into video_comment (video_id, user_id, parent_id, text) select {0}, {2}, max(id), 'yes' from video_comment;
    update video set pin_comment_id = (select min(id) from video_comment) where id = {0};
"""
ABOUT = (
    *("video_like", "video_favourite", "video_repost", "video_share", "not_interested", "video_view", "video_comment"),
    *("comment_like", "video_mention", "video_hashtag", "video_count", "inbox_entry"),
)


async def react(house: House, video_id: VideoId, *user_ids: UserId) -> None:
    async with house.database.transaction() as connection:
        for user_id in user_ids:
            await connection.execute(REACT.format(video_id, user_id))


async def test_a_deleted_video_is_seen_by_nobody_and_leaves_the_counters_at_once(
    house: House, ann: UserId, ben: UserId
) -> None:
    one, two = await house.video(ann), await house.video(ann)
    await house.database.execute(LIKE, one, ben)
    await house.database.execute(LIKE, one, ann)
    await house.database.execute(LIKE, two, ben)
    await house.database.execute("insert into hashtag (name) values ('a')")
    await house.database.execute("insert into video_hashtag (video_id, hashtag_id) select id, 1 from video")
    assert await house.likes(ann) == 3
    await house.deletion.delete(ann, one)
    assert await house.likes(ann) == 1
    for viewer in (ann, ben, None):
        assert list(await seen_by_ids(house.database, viewer, [one, two])) == [two]
        assert [
            keyed.video.id for keyed in await related(house.database, viewer, 10, Start(NEWEST, 0, known=True))
        ] == [two]
    values = await house.database.fetch(
        "select name, sum(value)::int as value from counter where name in ('user.videos', 'hashtag.videos') group by 1"
    )
    assert {row["name"]: row["value"] for row in values} == {"user.videos": 1, "hashtag.videos": 1}
    assert await wrong_counters(house.database) == []


async def test_only_the_owner_deletes_and_only_once(house: House, ann: UserId, ben: UserId) -> None:
    video_id = await house.video(ann)
    for user_id, wanted in ((ben, video_id), (ann, VideoId(video_id + 1))):
        with pytest.raises(VideoNotFound):
            await house.deletion.delete(user_id, wanted)
    results = await asyncio.gather(*(house.deletion.delete(ann, video_id) for _ in range(8)), return_exceptions=True)
    assert [type(result) for result in results if result is not None] == [VideoNotFound] * 7
    assert await wrong_counters(house.database) == []


async def test_the_files_are_removed_after_the_grace_and_not_before(house: House, ann: UserId, ben: UserId) -> None:
    video_id, kept = await house.video(ann), await house.video(ann)
    await react(house, video_id, ann, ben)
    await house.deletion.delete(ann, video_id)
    await house.age(GRACE - dt.timedelta(minutes=1))
    await house.deletion.remove_due()
    assert await house.stored() == 2 * len(CONTENT)
    assert await house.database.fetchval("select count(*) from video") == 2

    await house.remove()
    assert await house.stored() == len(CONTENT)
    assert await house.database.fetchval("select array_agg(id) from video") == [kept]
    assert await house.database.fetchval("select count(*) from video_content") == 1
    for table in ABOUT:
        assert await house.database.fetchval(f"select count(*) from {table}") == 0, table
    assert await wrong_counters(house.database) == []
    await house.remove()  # again: nothing to do


async def test_rows_about_a_video_are_removed_in_batches(
    house: House, ann: UserId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletion, "BATCH", 2)
    video_id = await house.video(ann)
    await react(house, video_id, *[await new_user(house.database) for _ in range(5)])
    await house.deletion.delete(ann, video_id)
    await house.remove()
    assert await house.database.fetchval("select count(*) from video") == 0
    assert await wrong_counters(house.database) == []


async def test_files_of_equal_uploads_stay_while_one_of_their_videos_does(
    house: House, ann: UserId, ben: UserId
) -> None:
    of_ann, of_ben = [await house.video(user_id, sha256=b"equal") for user_id in (ann, ben)]
    await house.deletion.delete(ann, of_ann)
    await house.remove()
    assert await house.stored() == len(CONTENT)
    assert list(await seen_by_ids(house.database, ann, [of_ann, of_ben])) == [of_ben]
    await house.deletion.delete(ben, of_ben)
    again = await house.video(ann, sha256=b"equal")  # within the grace of the last one
    await house.remove()
    assert await house.stored() == len(CONTENT)
    await house.deletion.delete(ann, again)
    await house.remove()
    assert await house.stored() == 0


async def test_of_two_equal_uploads_that_are_removed_at_once_the_files_go(house: House, ann: UserId) -> None:
    for _ in range(10):
        for video_id in [await house.video(ann, sha256=b"equal") for _ in range(2)]:
            await house.deletion.delete(ann, video_id)
        await asyncio.gather(*(house.remove() for _ in range(2)))
        assert await house.stored() == 0


async def test_a_duet_and_the_reposts_of_others_survive(house: House, ann: UserId, ben: UserId) -> None:
    original, duet = await house.video(ann), await house.video(ben)
    await house.database.execute("update video set duet_of = $2 where id = $1", duet, original)
    await house.database.execute(
        "insert into video_repost (video_id, user_id) values ($1, $3), ($2, $3)", original, duet, ann
    )
    await house.deletion.delete(ann, original)
    shown = (await seen_by_ids(house.database, None, [duet]))[duet]
    assert (shown.duet_user_id, shown.counts.reposts) == (None, 1), "its files are its own"
    await house.remove()
    shown = (await seen_by_ids(house.database, None, [duet]))[duet]
    assert (shown.duet_of, shown.counts.reposts) == (None, 1)
    assert await house.stored() == len(CONTENT)


async def test_a_like_and_a_taken_back_like_during_the_deletion_count_once(
    house: House, other: asyncpg.Connection, ann: UserId, ben: UserId
) -> None:
    for change, before in ((LIKE, 0), (UNLIKE, 1)):
        video_id = await house.video(ann)
        if before:
            await other.execute(LIKE, video_id, ben)  # the same connection writes the same slot of the counters
        async with other.transaction():
            await other.execute(change, video_id, ben)
            deleting = asyncio.create_task(house.deletion.delete(ann, video_id))
            await until(lambda: house.database.fetchval(_WAITS), what="the deletion waits for the like")
        await deleting
        assert await house.likes(ann) == 0
        assert await wrong_counters(house.database) == []


async def test_counters_are_right_after_anything_at_once(house: House, ann: UserId) -> None:
    users = [await new_user(house.database) for _ in range(8)]
    videos = [await house.video(ann) for _ in range(12)]
    randomly = random.Random(1)

    async def toggle(user_id: UserId) -> None:
        for _ in range(15):
            await house.database.execute(randomly.choice([LIKE, UNLIKE]), randomly.choice(videos), user_id)

    async def delete() -> None:
        for video_id in videos[::2]:
            await asyncio.sleep(0)
            await house.deletion.delete(ann, video_id)

    await asyncio.gather(*map(toggle, users), delete())
    assert await wrong_counters(house.database) == []
    async with house.database.transaction() as connection:
        await personal_data.forget_person(connection, users[0])
    await house.remove()
    assert await wrong_counters(house.database) == []


async def test_a_video_that_cannot_be_removed_does_not_keep_the_others(house: House, ann: UserId) -> None:
    first, broken, last = [await house.video(ann) for _ in range(3)]
    for video_id in (first, broken, last):
        await house.deletion.delete(ann, video_id)
    await by_owner(house.database, "create table holder (content_id integer references video_content)")
    held = await house.database.fetchval("select content_id from video where id = $1", broken)
    await by_owner(house.database, f"insert into holder values ({held})")
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await house.remove()
    assert await house.database.fetchval("select array_agg(id) from video") == [broken]
    await by_owner(house.database, "drop table holder")
    await house.remove()
    assert await house.database.fetchval("select count(*) from video") == 0


async def test_what_users_were_told_about_the_video_leaves_their_inboxes(
    house: House, ann: UserId, ben: UserId
) -> None:
    video_id, other_id = await house.video(ann), await house.video(ann)
    for told in (video_id, other_id):
        async with house.database.transaction() as connection:
            await tell(connection, Told(Kind.VIDEO_LIKE, ben, video_id=told), [ann])
    await house.deletion.delete(ann, video_id)
    queued = await house.database.fetch("select payload from pgqueuer where entrypoint = 'delete_entries_of_video'")
    assert [bytes(row["payload"]) for row in queued] == [b'{"video_id":%d}' % video_id]
    await delete_entries_of_video.function(house.database, video_id)
    assert await house.database.fetchval("select array_agg(video_id) from inbox_entry") == [other_id]
    assert await wrong_counters(house.database) == []


async def test_followers_are_not_told_of_a_video_that_is_deleted_or_private(
    house: House, ann: UserId, ben: UserId
) -> None:
    """The jobs for a star's followers run for minutes."""
    await house.database.execute("insert into follow (follower_id, followed_id) values ($1, $2)", ben, ann)
    shown, private, deleted = [await house.video(ann) for _ in range(3)]
    await house.database.execute("update video set privacy = 'private' where id = $1", private)
    await house.deletion.delete(ann, deleted)
    for video_id in (private, deleted, shown):
        told = msgspec.to_builtins(Told(Kind.VIDEO_POST, ann, video_id=video_id, text=f"video {video_id}"))
        await push_to_followers.function(Followers(house.database), told)
        await tell_all_followers.function(Followers(house.database), told)
    assert await house.database.fetchval("select array_agg(video_id) from inbox_entry") == [shown]


async def test_an_operators_removal_takes_equal_uploads_along_and_refuses_them(
    house: House, ann: UserId, ben: UserId
) -> None:
    one, equal = [await house.video(user_id, sha256=b"refused") for user_id in (ann, ben)]
    other_id = await house.video(ann)
    async with house.database.transaction() as connection:
        await deletion.remove(connection, one)
        await deletion.remove(connection, VideoId(other_id + 100))
    assert list(await seen_by_ids(house.database, ann, [one, equal, other_id])) == [other_id]
    assert await house.database.fetchval("select array_agg(sha256) from refused_content") == [b"refused"]
    await house.remove()
    assert await house.stored() == len(CONTENT)
    assert await wrong_counters(house.database) == []


async def test_a_removed_account_leaves_no_video_and_keeps_the_files_of_others(
    house: House, ann: UserId, ben: UserId
) -> None:
    of_ann, shared = await house.video(ann), await house.video(ann, sha256=b"equal")
    of_ben = await house.video(ben, sha256=b"equal")
    await react(house, of_ann, ann, ben)
    await react(house, of_ben, ann, ben)
    async with house.database.transaction() as connection:
        await personal_data.forget_person(connection, ann)
    assert await wrong_counters(house.database) == []
    left = (await seen_by_ids(house.database, None, [of_ann, shared, of_ben]))[of_ben].counts
    assert (left.likes, left.comments, left.favourites, left.reposts) == (1, 2, 1, 1)
    assert (left.shares, left.views) == (2, 4), "what was counted stays counted"
    await house.deletion.remove_due()  # at once: the account was deleted long before
    for row in await house.database.fetch("select name from stored_file where state = 'deleting'"):
        await delete_file.function(house.files, row["name"])
    assert await house.stored() == len(CONTENT)
    assert await house.database.fetchval("select count(*) from video where user_id = $1", ann) == 0
    assert await wrong_counters(house.database) == []


@pytest.fixture
async def pinned(house: House, ann: UserId, ben: UserId) -> VideoId:
    """Of Ann, with a comment of Ben's that is pinned, and Ann's reply to it."""
    video_id = await house.video(ann)
    async with house.database.transaction() as connection:
        await connection.execute(PIN.format(video_id, ben, ann))
    return video_id


async def test_a_removed_account_waits_for_no_content(house: House, other: asyncpg.Connection, ann: UserId) -> None:
    """A worker that has made the files of a video locks its content and then the video."""
    await house.video(ann)
    async with other.transaction(), asyncio.timeout(DEADLINE_S):
        await other.execute("select from video_content for update")
        await remove_account(house, ann)
    assert await house.database.fetchval("select state from video") == "deleted"


async def test_a_pinned_comment_is_deleted_while_the_account_of_the_video_is_removed(
    house: House, other: asyncpg.Connection, ann: UserId, pinned: VideoId
) -> None:
    """Both lock the comments before the video."""
    async with other.transaction():
        await other.execute("select from video_comment order by id for update")
        removing = asyncio.create_task(remove_account(house, ann))
        await until(lambda: house.database.fetchval(_WAITS), what="the removal waits for the comments")
        await other.execute("delete from video_comment where parent_id is null")
    await removing
    assert await house.database.fetchval("select count(*) from video_comment") == 0
    assert await wrong_counters(house.database) == []


async def remove_account(house: House, user_id: UserId) -> None:
    async with house.database.transaction() as connection:
        await personal_data.forget_person(connection, user_id)


async def test_an_equal_upload_during_an_operators_removal_is_refused(
    house: House, dsn: str, tmp_path: Path, samples: Samples, ann: UserId, ben: UserId
) -> None:
    path = await samples.draw("removed.mp4", (*drawn(), "-c:v", "libx264", "-preset", "ultrafast"))
    video_id = await house.video(ann, sha256=b"refused")
    async with served(dsn, house.database, tmp_path / "server") as (_, platform):
        upload = Arrived(path, Measured(path.stat().st_size, b"refused"))
        async with house.database.transaction() as connection:
            await deletion.remove(connection, video_id)
            posting = asyncio.create_task(platform.videos.posting.post(ben, upload, NewVideo(said=Said())))
            await until(lambda: house.database.fetchval(_WAITS), what="the upload waits for the removal")
        with pytest.raises(ContentRefused):
            await posting
    assert await house.database.fetchval("select count(*) from video where state <> 'deleted'") == 0
