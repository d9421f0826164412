"""downloadVideo and deleteWaterMarkVideo, as the Android apps call them."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import av
import pytest
from PIL import Image, ImageChops

from api.contract.client import Client
from control_plane.base.ids import UserId
from control_plane.storage.model import FileName
from control_plane.videos import downloads
from control_plane.videos.processing.encoder import Encoder
from control_plane.videos.processing.processor import Processor
from control_plane.videos.processing.watermark import Watermarker
from control_plane.videos.video import ContentId, VideoId
from tests.api.sections.apps import APPS, Apps
from tests.control_plane.people import new_user
from tests.control_plane.videos.processing.content import post
from tests.control_plane.videos.rows import ADD_VIDEO
from tests.control_plane.videos.samples import Samples
from tests.waiting import until

_JOBS = "select count(*) from pgqueuer where entrypoint = 'watermark_content'"


@pytest.fixture
def encoder(tmp_path: Path) -> Encoder:
    return Encoder(tmp_path / "processing")


async def ready(apps: Apps, encoder: Encoder, user_id: UserId, upload: Path) -> tuple[VideoId, ContentId]:
    files = apps.platform.stored.files
    video_id, content_id = await post(apps.database, files, user_id, upload)
    await Processor(apps.database, files, encoder).process(content_id)
    return video_id, content_id


def give_up(apps: Apps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apps.platform.videos.downloads, "_wait_s", 0)


async def test_the_copy_is_made_once_while_callers_wait(
    apps: Apps, ann: UserId, token: str, encoder: Encoder, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "LOOK_S", 0.01)
    video_id, content_id = await ready(apps, encoder, ann, await samples.plain("1280x720"))
    ben = await apps.token(await new_user(apps.database, "ben"))
    calls = [
        asyncio.create_task(apps.call("downloadVideo", caller, app, video_id=str(video_id)))
        for caller, app in ((token, Client.ANDROID), (ben, Client.ANDROID_KT), (ben, Client.DOCUMENT))
    ]
    await until(lambda: apps.database.fetchval(_JOBS))
    files = apps.platform.stored.files
    await Watermarker(apps.database, files, encoder, "Stagedoor").make(content_id)
    answers = [await call for call in calls]
    assert [answer["code"] for answer in answers] == [200, 200, 200], answers
    assert await apps.database.fetchval(_JOBS) == 1
    assert all(answer["msg"].startswith("http") and answer["msg"].endswith("/watermarked.mp4") for answer in answers)
    names = await apps.database.fetchrow("select watermarked, media from video_content where id = $1", content_id)
    assert names is not None
    await Watermarker(apps.database, files, encoder, "Stagedoor").make(content_id)
    assert await apps.database.fetchval("select watermarked from video_content where id = $1", content_id) == names[0]
    marked, plain = (first_frame(apps, name) for name in names)
    changed = ImageChops.difference(marked, plain).point(lambda value: 255 if value > 60 else 0).getbbox()
    assert changed is not None
    left, top, right, bottom = changed
    assert 800 < left < right <= 1280, "the name of the product is in a corner"
    assert 0 <= top < bottom < 100


def first_frame(apps: Apps, name: str) -> Image.Image:
    path = apps.platform.stored.files.storage.path(FileName(name))
    with av.open(str(path)) as video:
        picture: Image.Image = next(video.decode(video=0)).to_image()  # type: ignore[no-untyped-call]
        return picture.convert("L")


@pytest.mark.parametrize("app", APPS)
async def test_a_copy_that_takes_long_is_asked_for_again(
    apps: Apps,
    ann: UserId,
    token: str,
    encoder: Encoder,
    samples: Samples,
    monkeypatch: pytest.MonkeyPatch,
    app: Client,
) -> None:
    give_up(apps, monkeypatch)
    video_id, _ = await ready(apps, encoder, ann, await samples.plain())
    answer = await apps.call("downloadVideo", token, app, video_id=str(video_id))
    assert (answer["code"], answer["msg"]) == (201, "The video is being prepared. Please try again in a moment.")


async def test_a_call_may_wait_for_the_copy_longer_than_others(
    apps: Apps, ann: UserId, token: str, encoder: Encoder, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    video_id, _ = await ready(apps, encoder, ann, await samples.plain())
    monkeypatch.setattr(apps.platform.videos.downloads, "_wait_s", 0.1)
    monkeypatch.setattr("api.contract.dispatch.DEADLINE_S", 0.05)
    answer = await apps.call("downloadVideo", token, Client.ANDROID, video_id=str(video_id))
    assert (answer["code"], answer["msg"]) == (201, "The video is being prepared. Please try again in a moment.")


async def test_the_owner_may_turn_downloads_off(
    apps: Apps, ann: UserId, token: str, encoder: Encoder, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up(apps, monkeypatch)
    video_id, _ = await ready(apps, encoder, ann, await samples.plain())
    await apps.database.execute("update privacy_setting set videos_download = false where user_id = $1", ann)
    ben = await apps.token(await new_user(apps.database, "ben"))
    answer = await apps.call("downloadVideo", ben, Client.ANDROID, video_id=str(video_id))
    assert (answer["code"], answer["msg"]) == (201, "The owner of this video does not allow downloads.")
    assert await apps.database.fetchval(_JOBS) == 0
    own = await apps.call("downloadVideo", token, Client.ANDROID, video_id=str(video_id))
    assert own["msg"] == "The video is being prepared. Please try again in a moment."


async def test_what_is_not_seen_is_not_downloaded(
    apps: Apps, ann: UserId, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up(apps, monkeypatch)
    ben = await new_user(apps.database, "ben")
    public = await apps.database.fetchval(ADD_VIDEO, ben)
    shown = await apps.done("downloadVideo", token, Client.ANDROID, video_id=str(public))
    assert shown.endswith("/media/v.mp4"), "a clip of the demo is public as it is"
    for statement in (
        "update video set privacy = 'private'",
        "update video set privacy = 'public', state = 'deleted', deleted_at = now()",
    ):
        await apps.database.execute(statement)
        answer = await apps.call("downloadVideo", token, Client.ANDROID, video_id=str(public))
        assert (answer["code"], answer["msg"]) == (201, "There is no such video.")
    for wrong in ("0", "", "x", "99999999999", "7"):
        assert (await apps.call("downloadVideo", token, Client.ANDROID, video_id=wrong))["code"] in {201, 400}
    assert (await apps.call("downloadVideo", "", Client.ANDROID, video_id="1"))["code"] != 200


async def test_nothing_is_deleted_by_its_url(apps: Apps, token: str) -> None:
    for app in (Client.ANDROID, Client.ANDROID_KT):
        answer = await apps.call("deleteWaterMarkVideo", token, app, video_url="https://live.example/videos/1/x/y.mp4")
        assert answer["code"] == 200
        assert (await apps.call("deleteWaterMarkVideo", token, app))["code"] == 200


async def test_the_wait_for_the_copy_does_not_count_towards_the_deadline_of_the_call(
    apps: Apps, ann: UserId, token: str, encoder: Encoder, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    video_id, _ = await ready(apps, encoder, ann, await samples.plain("1280x720"))
    monkeypatch.setattr("api.contract.dispatch.DEADLINE_S", 0.5)
    monkeypatch.setattr(apps.platform.videos.downloads, "_wait_s", 1.0)
    answer = await apps.call("downloadVideo", token, video_id=video_id)
    assert (answer["code"], answer["msg"]) == (201, str(downloads.NotMadeYet()))


async def test_copies_of_one_user_do_not_hold_up_those_of_others(
    apps: Apps, ann: UserId, token: str, encoder: Encoder, samples: Samples
) -> None:
    ben = await apps.token(await new_user(apps.database, "ben"))
    video_ids = [(await ready(apps, encoder, ann, await samples.plain(seconds=second)))[0] for second in (1, 2, 3, 4)]
    calls = []
    for number, (caller, video_id) in enumerate(zip((token, token, token, ben), video_ids, strict=True)):
        download = apps.call("downloadVideo", caller, Client.ANDROID, video_id=str(video_id))
        calls.append(asyncio.create_task(download))
        await until(partial(queued, apps, number + 1))
    priorities = "select priority from pgqueuer where entrypoint = 'watermark_content' order by id"
    assert [row["priority"] for row in await apps.database.fetch(priorities)] == [0, -1, -2, 0]
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)


async def queued(apps: Apps, number: int) -> bool:
    return bool(await apps.database.fetchval(_JOBS) == number)
