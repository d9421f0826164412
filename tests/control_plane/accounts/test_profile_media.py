"""The pictures and the video of a profile."""

from __future__ import annotations

from pathlib import Path

import pytest

from control_plane.accounts.profile_media import PICTURES_A_DAY, ProfileMedia
from control_plane.accounts.store import by_ids
from control_plane.accounts.user import User, UserNotFound
from control_plane.base.ids import UserId
from control_plane.db.pool import Database
from control_plane.jobs import store as jobs
from control_plane.pictures.clips import Clips
from control_plane.pictures.model import PictureRefused
from control_plane.pictures.pictures import Pictures
from control_plane.storage.files import Files, TooManyUploads
from control_plane.storage.model import FileName
from control_plane.storage.places import Folder
from tests.control_plane.people import new_user
from tests.control_plane.pictures.clips import clip
from tests.control_plane.pictures.samples import animation, quarters, saved

PNG = saved(quarters(), "PNG")
OTHER = saved(quarters(300, 300), "PNG")


@pytest.fixture
def files(database: Database, tmp_path: Path) -> Files:
    return Files(Folder(tmp_path / "media"), database)


@pytest.fixture
def media(database: Database, files: Files, tmp_path: Path) -> ProfileMedia:
    return ProfileMedia(database, files, Pictures(), Clips(tmp_path / "uploads"))


async def user_of(database: Database, user_id: UserId) -> User:
    return (await by_ids(database, [user_id]))[user_id]


async def run_jobs(database: Database, files: Files) -> None:
    for job in await jobs.latest(database, 100):
        await files.delete(job.arguments["name"])


async def test_a_new_picture_replaces_the_old_files(media: ProfileMedia, database: Database, files: Files) -> None:
    user_id = await new_user(database)
    await media.set_picture(user_id, animation("GIF"))
    first = await user_of(database, user_id)
    assert first.profile_gif.endswith(".gif")
    await media.set_picture(user_id, PNG)
    second = await user_of(database, user_id)
    assert (second.profile_gif, second.profile_pic_small.endswith(".jpg")) == ("", True)
    await run_jobs(database, files)
    for name in (first.profile_pic, first.profile_pic_small, first.profile_gif):
        assert await files.storage.size(FileName(name)) is None
    for name in (second.profile_pic, second.profile_pic_small):
        assert await files.storage.size(FileName(name))


async def test_equal_pictures_of_two_users_are_one_file(media: ProfileMedia, database: Database, files: Files) -> None:
    ann, ben = await new_user(database), await new_user(database)
    for user_id in (ann, ben, ann):
        await media.set_picture(user_id, PNG)
    shared = (await user_of(database, ann)).profile_pic
    assert (await user_of(database, ben)).profile_pic == shared
    await media.set_picture(ann, OTHER)
    await run_jobs(database, files)
    assert await files.storage.size(FileName(shared))
    await media.set_picture(ben, OTHER)
    await run_jobs(database, files)
    assert await files.storage.size(FileName(shared)) is None


async def test_a_picture_that_sign_up_named_ends_no_file_of_another(
    media: ProfileMedia, database: Database, files: Files
) -> None:
    """Somebody who names a stored file of another user as their picture at sign-up does not own it."""
    ann, thief = await new_user(database), await new_user(database)
    await media.set_picture(ann, PNG)
    name = (await user_of(database, ann)).profile_pic
    await database.execute("update app_user set profile_pic = $2 where id = $1", thief, name)
    await media.set_picture(thief, OTHER)
    await run_jobs(database, files)
    assert await files.storage.size(FileName(name))


async def test_a_refused_picture_changes_nothing_and_counts(media: ProfileMedia, database: Database) -> None:
    user_id = await new_user(database)
    await media.set_picture(user_id, PNG)
    before = await user_of(database, user_id)
    for _ in range(PICTURES_A_DAY - 1):
        with pytest.raises(PictureRefused):
            await media.set_picture(user_id, b"<html>")
    with pytest.raises(TooManyUploads):
        await media.set_picture(user_id, PNG)
    assert await user_of(database, user_id) == before
    await media.set_picture(await new_user(database), PNG)


async def test_a_video_and_all_of_it_removed(
    media: ProfileMedia, database: Database, files: Files, tmp_path: Path
) -> None:
    user_id = await new_user(database)
    await media.set_picture(user_id, PNG)
    await media.set_video(user_id, await clip(tmp_path / "clip.mp4"))
    user = await user_of(database, user_id)
    assert await files.storage.size(FileName(user.profile_video))
    async with database.transaction() as connection:
        await media.remove(connection, user_id)
    gone = await user_of(database, user_id)
    assert (gone.profile_pic, gone.profile_pic_small, gone.profile_gif, gone.profile_video) == ("", "", "", "")
    await run_jobs(database, files)
    assert [page async for page in files.storage.list() if page] == []


async def test_a_user_who_is_not_there_has_no_picture(media: ProfileMedia, database: Database) -> None:
    with pytest.raises(UserNotFound):
        async with database.transaction() as connection:
            await media.remove(connection, UserId(4711))
