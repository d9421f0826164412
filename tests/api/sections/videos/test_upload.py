"""postVideo and editVideo, as each app calls them."""

from __future__ import annotations

import asyncio
import hashlib
import io
import itertools
import json
import zipfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData

from api.contract.client import Client
from control_plane.base.ids import UserId
from control_plane.storage.store import uploads_today
from control_plane.videos.posting import PROBES, PROBES_OF_ONE, REPEATED_WITHIN, ContentRefused
from control_plane.videos.processing.model import BROKEN, NO_VIDEO, Probed
from control_plane.videos.processing.probe import ProbeUnavailable, probe
from control_plane.videos.store import seen_by_ids
from control_plane.videos.uploads.limits import VIDEOS
from tests.api.contract.decoders import problems
from tests.api.sections.apps import APPS, Apps, apps_of
from tests.api.sections.posting import posted
from tests.api.served import API_KEYS
from tests.control_plane.people import new_user
from tests.control_plane.pictures.clips import clip
from tests.control_plane.pictures.samples import quarters, saved
from tests.control_plane.videos.rows import ADD_VIDEO
from tests.control_plane.watched_database import WatchedDatabase
from tests.waiting import until

NUMBERS = itertools.count(1)
ANDROID: dict[str, Any] = {
    "privacy_type": "Public",
    "sound_id": "null",
    "allow_comments": "true",
    "allow_duet": "1",
    "story": "0",
    "description": "#Dance with @ben",
    "video_id": "0",
    "hashtags_json": '[{"name":"Dance"}]',
    "lat": "0.0",
    "long": "0.0",
    "location_string": "",
    "location_name": "",
    "google_place_id": "",
}
IOS = {
    "privacy_type": "friends",
    "sound_id": "",
    "allow_comments": "false",
    "allow_duet": "false",
    "story": "1",
    "description": "at the sea",
    "video_id": "",
    "hashtags_json": '[["name": "sea"], ["name": "sun"]]',
    "lat": "54.32",
    "long": "10.13",
    "location_string": "Kiel, Germany",
    "location_name": "Kiel",
    "google_place_id": "p1",
    "users_json": "[]",
    "videoType": "0",
    "user_thumbnail": "x" * 5000,
}


def form(content: bytes, fields: Mapping[str, str]) -> FormData:
    data = FormData(fields)
    data.add_field("video", io.BytesIO(content), filename="video.mp4", content_type="video/mp4")
    return data


async def post(apps: Apps, token: str, content: bytes, app: Client = Client.ANDROID, **fields: Any) -> dict[str, Any]:
    return await posted(apps.http, "postVideo", app, token, data=form(content, fields))


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return asyncio.run(clip(tmp_path_factory.mktemp("clips") / "clip.mp4")).read_bytes()


@pytest.mark.parametrize("app", APPS)
async def test_a_posted_video_waits_for_its_processing(
    apps: Apps, ann: UserId, token: str, content: bytes, app: Client
) -> None:
    ben = await new_user(apps.database, "ben")
    answer = await post(apps, token, content, app, **ANDROID, users_json=f'[{{"user_id":"{ben}"}}]')
    assert answer["code"] == 200, answer
    video = answer["msg"]["Video"]
    assert (video["user_id"], video["upload_state"], video["upload_progress"]) == (ann, "processing", 0)
    assert (video["description"], video["privacy_type"], video["allow_duet"]) == ("#Dance with @ben", "public", 1)
    row = await apps.database.fetchrow(
        """select c.sha256, c.bytes, c.original, c.pixels, c.state, f.state as stored, f.public, f.sha256 as stored_sha256
           from video v join video_content c on c.id = content_id join stored_file f on f.name = original where v.id = $1""",
        video["id"],
    )
    digest = hashlib.sha256(content).digest()
    assert row is not None
    assert tuple(row)[0:2] == (digest, len(content))
    path = apps.platform.stored.files.storage.path(row["original"])
    assert path is not None
    assert row["pixels"] == (await probe(path)).pixels > 0
    assert tuple(row)[4:] == ("processing", "kept", False, digest)
    assert path.read_bytes() == content
    assert await apps.database.fetchval("select name from hashtag join video_hashtag on hashtag_id = id") == "dance"
    assert await apps.database.fetchval("select user_id from video_mention") == ben


async def test_ios_sends_another_key_and_a_place(apps: Apps, ann: UserId, token: str, content: bytes) -> None:
    headers = {"Api-Key": API_KEYS["ios_upload"], "Auth-Token": token}
    async with apps.http.post("/postVideo", data=form(content, IOS), headers=headers) as response:
        raw = await response.read()
    assert problems(Client.IOS, "postVideo", raw) == []
    video = json.loads(raw)["msg"]["Video"]
    assert (video["privacy_type"], video["allow_comments"], video["allow_duet"]) == ("friends", "false", 0)
    assert (video["story"], video["location_title"], video["location_string"]) == (1, "Kiel", "Kiel, Germany")
    assert (video["lat"], video["long"]) == ("54.320000", "10.130000")
    names = await apps.database.fetch("select name from hashtag join video_hashtag on hashtag_id = id order by name")
    assert [row["name"] for row in names] == ["sea", "sun"]
    async with apps.http.post("/api/showUserDetail", json={}, headers=headers) as response:
        assert (await response.json())["code"] == 202, "the key is that of uploads alone"


async def another(apps: Apps, token: str, content: bytes, **fields: Any) -> dict[str, Any]:
    """A post of equal content that is another video."""
    return await post(apps, token, content, description=f"take {next(NUMBERS)}", **fields)


async def test_the_same_form_again_is_answered_with_the_same_video(
    apps: Apps, ann: UserId, token: str, content: bytes
) -> None:
    answers = await asyncio.gather(*(post(apps, token, content, **ANDROID) for _ in range(3)))
    assert [answer["code"] for answer in answers] == [200] * 3
    answers.append(await post(apps, token, content, **ANDROID))
    video_id = answers[0]["msg"]["Video"]["id"]
    assert {answer["msg"]["Video"]["id"] for answer in answers} == {video_id}
    assert await contents(apps) == [("processing", 1)]
    assert await uploads_today(apps.database, ann, VIDEOS) == (1, len(content))
    assert await apps.database.fetchval("select count(*) from pgqueuer where entrypoint = 'process_content'") == 1

    async def posts_another(token: str, content: bytes, **fields: Any) -> bool:
        answer = await post(apps, token, content, **fields)
        return bool(answer["msg"]["Video"]["id"] != video_id)

    assert await posts_another(token, content, **{**ANDROID, "description": "another"})
    assert await posts_another(await apps.token(await new_user(apps.database, "ben")), content, **ANDROID)
    await apps.database.execute(
        "update video set created_at = created_at - $1::interval where id = $2", REPEATED_WITHIN, video_id
    )
    assert await posts_another(token, content, **ANDROID), "some time later it is meant"


@pytest.mark.parametrize("change", ["state = 'deleted', deleted_at = now()", "state = 'failed'"])
async def test_a_form_whose_video_is_deleted_or_failed_makes_another_one(
    apps: Apps, token: str, content: bytes, change: str
) -> None:
    first = (await post(apps, token, content))["msg"]["Video"]["id"]
    await apps.database.execute(f"update video set {change}")
    assert (await post(apps, token, content))["msg"]["Video"]["id"] != first


async def test_the_last_video_of_a_day_may_be_sent_again(
    dsn: str, database: WatchedDatabase, tmp_path: Path, content: bytes
) -> None:
    async with apps_of(dsn, database, tmp_path, videos_per_day=1) as apps:
        token = await apps.token(await new_user(database, "ann"))
        ids = {(await post(apps, token, content))["msg"]["Video"]["id"] for _ in range(2)}
        assert len(ids) == 1
        assert (await another(apps, token, content))["msg"][:17] == "You have uploaded"


async def test_what_is_no_video_counts_in_the_limit_of_a_day(apps: Apps, ann: UserId, token: str) -> None:
    assert (await post(apps, token, b"no video"))["code"] == 201
    assert await uploads_today(apps.database, ann, VIDEOS) == (1, 8)


async def contents(apps: Apps) -> list[tuple[str, int]]:
    rows = await apps.database.fetch(
        "select c.state, count(v.id) from video_content c join video v on v.content_id = c.id group by c.id order by c.id"
    )
    return [tuple(row) for row in rows]


async def stored_files(apps: Apps) -> int:
    count: int = await apps.database.fetchval("select count(*) from stored_file where state <> 'deleting'")
    return count


async def test_equal_uploads_share_one_content(apps: Apps, token: str, content: bytes) -> None:
    other = await apps.token(await new_user(apps.database, "ben"))
    answers = await asyncio.gather(
        post(apps, token, content), post(apps, other, content), another(apps, token, content)
    )
    assert [answer["code"] for answer in answers] == [200, 200, 200]
    assert await contents(apps) == [("processing", 3)]
    assert await stored_files(apps) == 1
    await apps.database.execute("update video_content set state = 'ready', original = ''")
    answer = await another(apps, other, content)
    assert answer["msg"]["Video"]["upload_state"] == "processing", "it does not tell that somebody else has it"
    assert await contents(apps) == [("ready", 4)]
    assert await stored_files(apps) == 1


async def test_a_content_that_failed_is_processed_again_for_the_new_video(
    apps: Apps, token: str, content: bytes
) -> None:
    first = (await post(apps, token, content))["msg"]["Video"]["id"]
    await apps.database.execute("update video_content set state = 'failed', failure = 'No space.', original = ''")
    await apps.database.execute("update video set state = 'failed'")
    assert (await post(apps, token, content))["code"] == 200
    assert await contents(apps) == [("processing", 2)]
    assert await apps.database.fetchval("select original <> '' from video_content")
    rows = await apps.done("showVideosAgainstUserID", token)
    shown = [row["Video"] for row in rows["public"]]
    assert [(video["upload_state"], video["upload_failure"]) for video in shown] == [
        ("processing", ""),
        ("failed", "No space."),
    ]
    assert shown[1]["id"] == first


async def test_an_upload_that_operators_removed_is_refused(apps: Apps, token: str, content: bytes) -> None:
    await apps.database.execute("insert into refused_content (sha256) values ($1)", hashlib.sha256(content).digest())
    answer = await post(apps, token, content)
    assert (answer["code"], answer["msg"]) == (201, "This video was removed by us and cannot be uploaded again.")
    assert (await contents(apps), await stored_files(apps)) == ([], 0)


def archive() -> bytes:
    """A zip bomb."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("video.mp4", bytes(50 << 20))
    return file.getvalue()


@pytest.mark.parametrize("kind", ["empty", "text", "PNG", "zip", "half", "damaged"])
@pytest.mark.parametrize("app", [Client.IOS, Client.ANDROID])
async def test_what_is_no_video_is_refused_in_words(
    apps: Apps, token: str, content: bytes, kind: str, app: Client
) -> None:
    sent = {
        "empty": b"",
        "text": b"#EXTM3U\nfile:///etc/passwd\n",
        "PNG": saved(quarters(), "PNG"),
        "zip": archive(),
        "half": content[: len(content) // 2],
        "damaged": content[:40] + bytes(len(content) - 40),
    }[kind]
    answer = await post(apps, token, sent, app)
    assert answer["code"] == 201, answer
    assert answer["msg"] in {NO_VIDEO, BROKEN}
    assert (await contents(apps), await stored_files(apps)) == ([], 0)
    assert list((apps.platform.settings.uploads_dir).iterdir()) == []


async def test_a_failure_of_the_storage_leaves_nothing(
    apps: Apps, token: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    media = apps.platform.settings.data_dir / "media"
    (media / "private").write_text("a file where the folder must be")
    assert (await post(apps, token, content))["code"] == 500
    assert await contents(apps) == []
    (media / "private").unlink()
    assert (await post(apps, token, content))["code"] == 200


async def test_a_busy_server_asks_to_try_again(
    apps: Apps, token: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A probe that has no time left is no fault of the video."""
    with monkeypatch.context() as patch:
        patch.setattr("control_plane.videos.processing.probe.DEADLINE_S", 0.0)
        answer = await post(apps, token, content)
    assert (answer["code"], answer["msg"]) == (201, str(ProbeUnavailable()))
    assert (await contents(apps), await stored_files(apps)) == ([], 0)
    assert (await post(apps, token, content))["code"] == 200


async def test_few_uploads_are_probed_at_once(
    apps: Apps, token: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = most = 0

    async def counted(path: Path) -> Probed:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        try:
            return await probe(path)
        finally:
            now -= 1

    monkeypatch.setattr("control_plane.videos.posting.probe", counted)
    ben = await apps.token(await new_user(apps.database, "ben"))
    answers = await asyncio.gather(*(another(apps, poster, content) for poster in (token, ben) for _ in range(4)))
    assert {answer["code"] for answer in answers} == {200}
    assert most <= PROBES < len(answers)


async def test_one_user_s_costly_uploads_hold_up_no_other_user(
    apps: Apps, token: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, released = asyncio.Semaphore(0), asyncio.Event()

    async def held(path: Path) -> Probed:
        if path.stat().st_size > len(content) + 1000:
            begun.release()
            await released.wait()
        return await probe(path)

    monkeypatch.setattr("control_plane.videos.posting.probe", held)
    ben = await apps.token(await new_user(apps.database, "ben"))
    async with asyncio.timeout(60):
        costly = [asyncio.create_task(another(apps, token, content + bytes(2000))) for _ in range(PROBES)]
        for _ in range(PROBES_OF_ONE):
            await begun.acquire()
        assert (await another(apps, ben, content))["code"] == 200
        released.set()
        assert {(await one)["code"] for one in costly} == {200}


async def test_a_day_has_a_limit_of_videos_and_of_bytes(
    dsn: str, database: WatchedDatabase, tmp_path: Path, content: bytes
) -> None:
    limits = {"videos_per_day": 2, "video_bytes_per_day": 8 << 20}
    async with apps_of(dsn, database, tmp_path, **limits) as apps:
        token = await apps.token(await new_user(database, "ann"))
        for code in (200, 200, 201):
            answer = await another(apps, token, content)
            assert answer["code"] == code
        assert answer["msg"] == "You have uploaded as much as is possible in a day. Please try again tomorrow."
        token = await apps.token(await new_user(database, "ben"))
        answer = await post(apps, token, content + bytes(9 << 20))
        assert (answer["code"], answer["msg"][:17]) == (201, "You have uploaded")
        assert (await post(apps, token, content))["code"] == 200


async def test_guests_post_nothing(apps: Apps, content: bytes) -> None:
    assert (await post(apps, "", content, Client.ANDROID))["code"] == 501
    assert (await post(apps, "", content, Client.IOS))["code"] == 401
    assert await contents(apps) == []


async def test_the_file_is_needed(apps: Apps, token: str) -> None:
    bodies: list[dict[str, Any]] = [
        {"json": {}},
        {"data": FormData({"privacy_type": "public"}, default_to_multipart=True)},
    ]
    for body in bodies:
        answer = await posted(apps.http, "postVideo", Client.ANDROID, token, **body)
        assert (answer["code"], answer["msg"]) == (400, "video is missing.")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"privacy_type": "nobody"}, "privacy_type must be one of public, friends, private."),
        ({"allow_comments": "perhaps"}, "allow_comments must be a whole number."),
        ({"story": "2"}, "story may be at most 1."),
        ({"sound_id": "x"}, "sound_id must be a whole number."),
    ],
)
async def test_bad_fields_are_refused(
    apps: Apps, token: str, content: bytes, fields: Mapping[str, Any], why: str
) -> None:
    answer = await post(apps, token, content, **fields)
    assert (answer["code"], answer["msg"]) == (400, why)
    assert await contents(apps) == []


async def test_odd_fields_are_taken(apps: Apps, token: str, content: bytes) -> None:
    fields: dict[str, Any] = {
        "privacy_type": "PRIVATE",
        "lat": "north",
        "long": "1e999",
        "location_string": "null",
        "sound_id": "99999",
        "users_json": "not json",
        "hashtags_json": '[{"name":',
        "description": "x" * 5000,
        "google_place_id": "0",
    }
    video = (await post(apps, token, content, **fields))["msg"]["Video"]
    assert (video["privacy_type"], len(video["description"]), video["sound_id"]) == ("private", 2200, 0)
    assert (video["lat"], video["location_id"]) == ("0.0", 0)


async def test_only_the_owner_sees_it_while_it_is_processed(apps: Apps, token: str, content: bytes) -> None:
    video_id = (await post(apps, token, content))["msg"]["Video"]["id"]
    ben = await new_user(apps.database, "ben")
    assert await seen_by_ids(apps.database, ben, [video_id]) == {}
    assert await seen_by_ids(apps.database, None, [video_id]) == {}
    feed = await apps.done("showRelatedVideos", token)
    assert feed == []


async def test_a_duet_needs_the_owner_s_consent(apps: Apps, token: str, ann: UserId, content: bytes) -> None:
    ben = await new_user(apps.database, "ben")
    video = await apps.database.fetchval(ADD_VIDEO, ben)
    duet: dict[str, Any] = {"video_id": str(video), "duet": "left"}
    posted_duet = (await another(apps, token, content, **duet))["msg"]["Video"]
    assert (posted_duet["duet_video_id"], posted_duet["duet"]["User"]["id"]) == (video, ben)
    set_privacy = (
        "insert into privacy_setting (user_id, duet) values ($1, $2) on conflict (user_id) do update set duet = $2"
    )
    for audience, code in {"no_one": 201, "friends": 201, "everyone": 200}.items():
        await apps.database.execute(set_privacy, ben, audience)
        assert (await another(apps, token, content, **duet))["code"] == code, audience
    await apps.database.execute("update video set allow_duet = false where id = $1", video)
    answer = await another(apps, token, content, **duet)
    assert (answer["code"], answer["msg"]) == (201, "The owner of this video does not allow duets with it.")
    await apps.database.execute("update video set privacy = 'private' where id = $1", video)
    assert (await another(apps, token, content, **duet))["msg"] == "There is no such video."
    assert (await post(apps, token, content, video_id="999999"))["msg"] == "There is no such video."


async def test_an_upload_in_parts_is_posted_once(apps: Apps, ann: UserId, token: str, content: bytes) -> None:
    resumable = apps.platform.videos.resumable
    upload = await resumable.create(ann, len(content), "v.mp4")

    async def parts(content: bytes) -> AsyncIterator[bytes]:
        yield content

    await resumable.append(upload, 0, parts(content[:-1]))
    answer = await apps.call("postVideo", token, Client.DOCUMENT, upload_id=upload.id)
    assert (answer["code"], answer["msg"]) == (201, "The upload is not complete yet.")
    await resumable.append(upload, len(content) - 1, parts(content[-1:]))
    stranger = await apps.token(await new_user(apps.database, "ben"))
    assert (await apps.call("postVideo", stranger, Client.DOCUMENT, upload_id=upload.id))["code"] == 404
    calls = (apps.call("postVideo", token, Client.DOCUMENT, upload_id=upload.id) for _ in range(3))
    answers = await asyncio.gather(*calls)
    assert {answer["code"] for answer in answers} == {200}
    video_id = answers[0]["msg"]["Video"]["id"]
    again = await apps.done("postVideo", token, Client.ANDROID, upload_id=upload.id, description="again")
    assert {answer["msg"]["Video"]["id"] for answer in answers} == {again["Video"]["id"]} == {video_id}
    assert await contents(apps) == [("processing", 1)]
    assert (await uploads_today(apps.database, ann, VIDEOS))[0] == 1
    assert (await apps.call("postVideo", stranger, Client.DOCUMENT, upload_id=upload.id))["code"] == 404
    assert await apps.database.fetchval("select sha256 from video_content") == hashlib.sha256(content).digest()
    assert list(apps.platform.settings.resumable_dir.iterdir()) == []
    await apps.done("deleteVideo", token, Client.ANDROID, video_id=video_id)
    assert (await apps.call("postVideo", token, Client.DOCUMENT, upload_id=upload.id))["code"] == 404


async def test_an_upload_in_parts_that_is_refused_leaves_room_for_others(
    apps: Apps, ann: UserId, token: str, content: bytes
) -> None:
    resumable = apps.platform.videos.resumable
    removed = content + b"removed"
    await apps.database.execute("insert into refused_content (sha256) values ($1)", hashlib.sha256(removed).digest())

    async def parts(content: bytes) -> AsyncIterator[bytes]:
        yield content

    for number in range(apps.platform.settings.open_uploads + 1):
        refused = removed if number % 2 else b"no video"
        upload = await resumable.create(ann, len(refused), "v.mp4")
        await resumable.append(upload, 0, parts(refused))
        answer = await apps.call("postVideo", token, Client.DOCUMENT, upload_id=upload.id)
        assert (answer["code"], answer["msg"]) == (201, str(ContentRefused()) if number % 2 else NO_VIDEO)
    assert list(apps.platform.settings.resumable_dir.iterdir()) == []


async def test_no_user_names_a_place_for_others(apps: Apps, token: str, content: bytes) -> None:
    ben = await apps.token(await new_user(apps.database, "ben"))
    kiel: dict[str, Any] = {
        "google_place_id": "p1",
        "location_name": "Kiel",
        "location_string": "Kiel, Germany",
        "lat": "54.3",
        "long": "10.1",
    }
    odd = {**kiel, "location_name": "My house", "location_string": "1 Main Street", "lat": "1.0", "long": "1.0"}
    first = (await post(apps, ben, content, **odd))["msg"]["Video"]
    second, third = [(await another(apps, token, content, **kiel))["msg"]["Video"] for _ in range(2)]
    assert (second["location_title"], second["location_string"], second["lat"]) == (
        "Kiel",
        "Kiel, Germany",
        "54.300000",
    )
    assert first["location_id"] != second["location_id"] == third["location_id"]
    item = await apps.done("showVideoDetail", token, video_id=second["id"])
    assert (item["Location"]["name"], item["Location"]["lat"]) == ("Kiel", "54.300000")
    await apps.database.execute("update video set state = 'ready'")
    there = await apps.done("showVideosAgainstLocation", token, location_id=second["location_id"])
    assert [item["Video"]["id"] for item in there] == [third["id"], second["id"], first["id"]], "but it is one place"


EDIT = {
    "privacy_type": "private",
    "allow_comments": "false",
    "allow_duet": "false",
    "description": "new #sun",
    "users_json": "[]",
    "hashtags_json": "[]",
    "location_string": "Kiel",
    "lat": "54.3",
    "long": "10.1",
    "google_place_id": "p1",
    "location_name": "Kiel",
    "products_json": "[]",
    "tag_store_id": "0",
}


async def test_an_edit_as_ios_sends_it(apps: Apps, ann: UserId, token: str) -> None:
    video_id = await apps.database.fetchval(ADD_VIDEO, ann)
    for path, content_type in {"/api/editVideo": "ios_upload", "/editVideo": "ios"}.items():
        fields = "".join(
            f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in {**EDIT, "video_id": video_id, "user_id": ann}.items()
        )
        headers = {"Api-Key": API_KEYS[content_type], "Auth-Token": token}
        headers["Content-Type"] = "multipart/form-data; boundary=b"
        async with apps.http.post(path, data=f"{fields}--b\r\n\r\n--b--".encode(), headers=headers) as response:
            raw = await response.read()
        assert problems(Client.IOS, "editVideo", raw) == []
        video = json.loads(raw)["msg"]["Video"]
        assert (video["privacy_type"], video["allow_comments"], video["allow_duet"]) == ("private", "false", 0)
        assert (video["description"], video["location_title"], video["lat"]) == ("new #sun", "Kiel", "54.300000")
    assert await apps.database.fetchval("select name from hashtag join video_hashtag on hashtag_id = id") == "sun"


@pytest.mark.parametrize("app", APPS)
async def test_an_edit_leaves_what_it_does_not_name(apps: Apps, ann: UserId, token: str, app: Client) -> None:
    video_id = await apps.database.fetchval(ADD_VIDEO, ann)
    await apps.done("editVideo", token, app, **EDIT, video_id=video_id)
    video = (await apps.done("editVideo", token, app, video_id=str(video_id), privacy_type="public"))["Video"]
    assert (video["privacy_type"], video["description"], video["allow_duet"]) == ("public", "new #sun", 0)
    assert (video["location_title"], video["allow_comments"]) == ("Kiel", "false")
    video = (await apps.done("editVideo", token, app, video_id=video_id, location_string="", lat="", long=""))["Video"]
    assert (video["location_id"], video["lat"]) == (0, "0.0")
    tags = await apps.database.fetchval("select count(*) from video_hashtag")
    await apps.done("editVideo", token, app, video_id=video_id, description="none")
    assert (tags, await apps.database.fetchval("select count(*) from video_hashtag")) == (1, 0)


async def test_only_the_owner_edits_a_video_that_is_there(apps: Apps, ann: UserId, token: str) -> None:
    video_id = await apps.database.fetchval(ADD_VIDEO, await new_user(apps.database, "ben"))
    own = await apps.database.fetchval(ADD_VIDEO, ann)
    await apps.database.execute("update video set state = 'deleted', deleted_at = now() where id = $1", own)
    for wrong in (video_id, own, 999999):
        answer = await apps.call("editVideo", token, Client.IOS, video_id=wrong, description="mine")
        assert (answer["code"], answer["msg"]) == (201, "There is no such video.")
    assert (await apps.call("editVideo", "", Client.IOS, video_id=video_id))["code"] == 401
    assert await apps.database.fetchval("select count(*) from video where description <> ''") == 0


async def test_an_edit_and_a_change_of_the_account_do_not_wait_for_each_other_forever(
    apps: Apps, ann: UserId, token: str
) -> None:
    """The edit has locked the video and is about to tell ben, which locks ann; the change locks ann, then her videos."""
    ben = await new_user(apps.database, "ben")
    video_id = await apps.database.fetchval(ADD_VIDEO, ann)
    async with asyncio.timeout(20):
        async with apps.database.transaction() as connection:
            await connection.execute("insert into hashtag (name) values ('new')")
            edit = asyncio.create_task(
                apps.call(
                    "editVideo",
                    token,
                    Client.DOCUMENT,
                    video_id=video_id,
                    description="#new",
                    users_json=f'[{{"user_id": {ben}}}]',
                )
            )
            await until(lambda: waiting(apps, 1))
            change = asyncio.create_task(apps.database.execute("update app_user set private = true where id = $1", ann))
            await until(lambda: waiting(apps, 2))
        assert (await edit)["code"] == 200
        await change
    assert await apps.database.fetchval("select count(*) from inbox_entry where receiver_id = $1", ben) == 1


async def waiting(apps: Apps, count: int) -> bool:
    """Whether so many transactions wait for a lock."""
    found = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    return bool(await apps.database.fetchval(found) == count)


async def test_mentions_leave_out_the_owner_and_blocked_users(apps: Apps, ann: UserId, token: str) -> None:
    people = {name: await new_user(apps.database, name) for name in ("ben", "cleo", "dora", "emil")}
    video_id = await apps.database.fetchval(ADD_VIDEO, ann)
    block = "insert into block (blocker_id, blocked_id) values ($1, $2)"
    await apps.database.execute(block, people["cleo"], ann)
    await apps.database.execute(block, ann, people["dora"])
    rows = await apps.database.fetch("select username from app_user")
    names = " @nobody" + "".join(f" @{row['username'].upper()}" for row in rows)
    await apps.done("editVideo", token, video_id=video_id, description=names)
    rows = await apps.database.fetch("select user_id from video_mention order by user_id")
    assert [row["user_id"] for row in rows] == [people["ben"], people["emil"]]
    told = "select receiver_id from inbox_entry where video_id = $1 order by receiver_id"
    assert [row["receiver_id"] for row in await apps.database.fetch(told, video_id)] == [people["ben"], people["emil"]]
    await apps.done("editVideo", token, video_id=video_id, description="nobody", privacy_type="private")
    assert await apps.database.fetchval("select count(*) from video_mention") == 0
    await apps.done("editVideo", token, video_id=video_id, description=names)
    assert len(await apps.database.fetch(told, video_id)) == 2, "nobody is told twice, nor of what they do not see"
