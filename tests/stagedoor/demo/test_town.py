"""The town of demo users, on a real database and with real files."""

from __future__ import annotations

import datetime as dt
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from control_plane.accounts import store as accounts
from control_plane.accounts.age import age
from control_plane.accounts.profile_text import one_line, several_lines, website
from control_plane.accounts.user import User
from control_plane.accounts.usernames import check_username
from control_plane.base.clock import utc_now
from control_plane.base.ids import UserId
from control_plane.content import store as content
from control_plane.db.pool import Database
from control_plane.ledger.wallets import Wallet, wallets
from control_plane.pictures.model import ANIMATED, SMALL
from control_plane.storage import check
from control_plane.storage.files import Files
from control_plane.storage.model import FileName
from control_plane.storage.places import Folder
from control_plane.videos.lists_store import related
from control_plane.videos.pages import NEWEST, Start
from ffmpeg_fixtures.clips import CLIPS
from stagedoor.demo import town
from stagedoor.demo.people import PEOPLE, Person
from stagedoor.demo.prepare import prepare
from stagedoor.demo.town import COINS, DemoPicturesNotStored, add_town
from stagedoor.demo.videos import POSTS
from tests.stagedoor.demo.samples import drawn_once, sample_files

ACCOUNTS = ("app_user", "user_identity", "user_interest", "ledger_transfer")
MEDIA = ("video", "sound", "stored_file", "file_use")
SOCIAL = ("follow", "follow_request", "block", "profile_visit", "popular_user", "inbox", "inbox_entry", "counter")
MESSAGES = ("conversation", "conversation_side", "message", "message_copy", "mailbox")
TABLES = (*ACCOUNTS, *MEDIA, *SOCIAL, *MESSAGES)


@pytest.fixture(autouse=True)
def each_is_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(town, "_portrait", drawn_once)


@pytest.fixture
def files(database: Database, tmp_path: Path) -> Files:
    return Files(Folder(tmp_path / "media"), database)


async def _all(database: Database) -> list[User]:
    found = await accounts.by_ids(database, [UserId(number) for number in range(1, 1000)])
    return [found[user_id] for user_id in sorted(found)]


async def _rows(database: Database) -> dict[str, object]:
    return {table: await database.fetch(f"select * from {table} order by 1, 2") for table in TABLES}


async def _image(files: Files, name: str) -> Image.Image:
    image = Image.open(BytesIO(b"".join([chunk async for chunk in files.storage.read(FileName(name))])))
    image.load()
    return image


async def test_every_user_has_a_picture_that_looks_like_an_upload(
    database: Database, files: Files, tmp_path: Path
) -> None:
    await add_town(database, files, sample_files(tmp_path))
    users = await _all(database)
    assert [user.id for user in users] == list(range(1, 41))
    assert len({user.profile_pic for user in users}) == 40, "each one its own"
    for user, person in zip(users, PEOPLE, strict=True):
        full, small = await _image(files, user.profile_pic), await _image(files, user.profile_pic_small)
        assert (full.format, small.format, small.size) == ("JPEG", "JPEG", (SMALL, SMALL))
        assert min(full.size) > SMALL
        assert bool(user.profile_gif) == person.look.moves
        if user.profile_gif:
            moving = await _image(files, user.profile_gif)
            assert (moving.format, moving.size) == ("GIF", (ANIMATED, ANIMATED))
            assert getattr(moving, "n_frames", 1) > 4
        assert bool(user.profile_video) == bool(person.clip)
        if user.profile_video:
            assert await files.storage.size(FileName(user.profile_video)) == len(person.clip)
    assert 3 < len([user for user in users if user.profile_gif]) < 20
    assert 3 < len([user for user in users if user.profile_video]) < 20


async def test_storage_and_database_agree(
    database: Database, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "YOUNG", dt.timedelta(0))
    await add_town(database, files, sample_files(tmp_path))
    report = await check.check(files.storage, database)
    assert (report.strays, report.missing, report.overdue) == ([], [], [])
    assert report.files == await database.fetchval("select count(*) from stored_file where state = 'kept'") > 80


async def test_the_first_five_are_the_ones_that_scripts_use(database: Database, files: Files, tmp_path: Path) -> None:
    await add_town(database, files, sample_files(tmp_path))
    first = (await _all(database))[:5]
    assert [(user.id, user.username) for user in first] == list(enumerate(("ada", "ben", "carla", "dev", "emil"), 1))
    assert [(user.dob, user.verified, user.private) for user in first] == [(None, False, False)] * 5
    for clip, post, user in zip(CLIPS, POSTS, first, strict=False):
        assert (post.clip, post.username, post.description) == (clip.slug, user.username, clip.description)
    assert set((await wallets(database, [user.id for user in await _all(database)])).values()) == {Wallet(bought=COINS)}


async def test_the_feed_is_in_order_of_time_and_by_many_users(database: Database, files: Files, tmp_path: Path) -> None:
    await add_town(database, files, sample_files(tmp_path))
    feed = [row.video for row in await related(database, None, 100, Start(NEWEST, 0, known=True))]
    assert len(feed) == len(POSTS)
    times = [video.created_at for video in feed]
    assert times == sorted(times, reverse=True)
    assert times[0] < utc_now()
    assert len({video.user_id for video in feed}) > 25
    assert len({video.counts.views for video in feed}) == len(feed)
    found = {user.id: user for user in await _all(database)}
    for video in feed:
        assert found[video.user_id].created_at < video.created_at
        assert not found[video.user_id].private
    assert len({video.sound.id for video in feed if video.sound}) == len(CLIPS)


async def test_a_second_start_adds_and_draws_nothing(
    database: Database, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = sample_files(tmp_path)
    await add_town(database, files, samples)
    async with database.transaction() as connection:
        await connection.execute("update app_user set bio = 'mine' where id = 7")
        await connection.execute("delete from video where user_id = 9")
    before = await _rows(database)
    monkeypatch.setattr(town, "_portrait", None)
    await add_town(database, files, samples)
    assert await _rows(database) == before


async def test_coins_that_a_killed_start_did_not_credit_are_credited_once(
    database: Database, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = sample_files(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(town, "adjust", None)
        with pytest.raises(TypeError):
            await add_town(database, files, samples)
    for _ in range(2):
        await add_town(database, files, samples)
        assert await database.fetchval("select sum(balance) from ledger_account where owner_id is not null") == (
            40 * COINS
        )


async def test_production_gets_gifts_and_no_users(database: Database, files: Files, tmp_path: Path) -> None:
    await prepare(database, files, tmp_path / "media", lambda _: None, dev=False, ffmpeg_setting="")
    assert await database.fetchval("select count(*) from app_user") == 0
    assert await database.fetchval("select count(*) from stored_file") == 0
    assert await database.fetchval("select count(*) from gift") > 0
    assert not (tmp_path / "media" / "samples").exists()


async def test_a_database_with_users_gets_no_others(database: Database, files: Files, tmp_path: Path) -> None:
    await database.execute("insert into app_user (username) values ('early')")
    await add_town(database, files, sample_files(tmp_path))
    assert await database.fetchval("select count(*) from app_user") == 1
    assert await database.fetchval("select count(*) from stored_file") == 0


async def test_a_storage_that_is_away_ends_the_start_and_leaves_no_half_of_the_town(
    database: Database, tmp_path: Path
) -> None:
    (tmp_path / "media").mkdir()
    files = Files(Folder(tmp_path / "media"), database)
    (tmp_path / "media" / "pictures").write_text("not a folder")
    with pytest.raises(DemoPicturesNotStored, match="LIVE_STORAGE_URL"):
        await add_town(database, files, sample_files(tmp_path))
    assert await database.fetchval("select count(*) from app_user") == 0


async def test_interests_are_those_of_the_catalogue(database: Database, files: Files, tmp_path: Path) -> None:
    titles = {interest.title for section in await content.interest_sections(database) for interest in section.interests}
    assert {title for person in PEOPLE for title in person.interests} <= titles
    await add_town(database, files, sample_files(tmp_path))
    chosen = await database.fetchval("select count(*) from user_interest")
    assert chosen == sum(len(person.interests) for person in PEOPLE)


@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.username)
def test_profiles_are_ones_that_users_could_write(person: Person) -> None:
    assert check_username(person.username) == person.username
    assert one_line(f"{person.first_name} {person.last_name}") == f"{person.first_name} {person.last_name}"
    assert several_lines(person.bio) == person.bio
    assert website(person.website) == person.website
    assert person.gender in ("Male", "Female", "")
    assert person.born is None or age(person.born, dt.date(2026, 1, 1)) >= 18
