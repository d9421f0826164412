"""An uploaded video plays, although the database and the server are killed while it is made."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import aiohttp
import av
import psutil
import pytest

from tests.control_plane.videos.samples import SECRETS, Samples
from tests.end_to_end.platform import Stagedoor
from tests.waiting import until

pytestmark = pytest.mark.timeout(180)


def encoders(platform: Stagedoor) -> list[psutil.Process]:
    """The processes of ffmpeg that make the files of a video."""
    assert platform.process is not None
    children = psutil.Process(platform.process.pid).children()
    return [child for child in children if any(word.endswith("/media.mp4") for word in cmdline(child))]


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


async def feed(platform: Stagedoor, token: str) -> dict[int, dict[str, Any]]:
    items = await platform.done("api/showRelatedVideos", token, starting_point=0)
    return {item["Video"]["id"]: item["Video"] for item in items}


@pytest.mark.skipif(os.environ.get("VIDEO_KILLS") != "all", reason="one of the long tests: make rehearse")
async def test_a_video_is_made_although_database_and_server_are_killed(own: Stagedoor, tmp_path: Path) -> None:
    ada, ben = await own.sign_in("ada"), await own.sign_in("ben")
    ada_id = (await own.done("api/showUserDetail", ada))["User"]["id"]
    await own.call("api/followUser", ben, receiver_id=ada_id)
    picture = ("-f", "lavfi", "-i", "testsrc2=size=1920x1080:rate=60:duration=6")
    codec = ("-c:v", "mpeg4", "-q:v", "12", "-metadata", "title=SecretTitle")
    upload = await Samples(tmp_path).draw("upload.mp4", [*picture, *codec])
    form = aiohttp.FormData({"description": "At the sea", "privacy_type": "public"})
    form.add_field("video", upload.open("rb"), filename="video.mp4", content_type="video/mp4")
    async with own.session.post(own.url("/api/postVideo"), data=form, headers={"Auth-Token": ada}) as response:
        answer = await response.json(content_type=None)
    assert answer["code"] == 200, answer
    video_id = answer["msg"]["Video"]["id"]

    await until(lambda: encoders(own), what="ffmpeg")
    (encoder,) = encoders(own)
    pid = own.run["pids"]["postgres"]
    os.kill(pid, signal.SIGKILL)
    await until(lambda: own.run["pids"]["postgres"] not in (None, pid), what="another PostgreSQL")
    assert encoder in encoders(own), "the work goes on"
    await own.kill()
    await until(lambda: not encoder.is_running() or encoder.status() == psutil.STATUS_ZOMBIE, what="ffmpeg ends")
    await own.start()
    ben = await own.sign_in("ben")

    async def ready() -> bool:
        return video_id in await feed(own, ben)

    await until(ready, 90, what="the video")
    shown = (await feed(own, ben))[video_id]
    async with own.session.get(shown["video"]) as response:
        content = await response.read()
    assert response.status == 200
    assert not [secret for secret in SECRETS if secret in content]
    (tmp_path / "shown.mp4").write_bytes(content)
    with av.open(str(tmp_path / "shown.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) >= 350
    entries = await own.done("api/showAllNotifications", ben)
    posts = [entry for entry in entries if entry["Notification"]["type"] == "video_new_post"]
    assert [entry["Notification"]["video_id"] for entry in posts] == [video_id]
    status, told = await own.command("storage", "check", "--json")
    assert status == 0, told
    report = json.loads(told)
    assert (report["strays"], report["missing"]) == ([], [])
