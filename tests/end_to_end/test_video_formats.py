"""What phones record is posted by the apps, and plays for others: each format from the form to the files.

`make rehearse` sets VIDEO_FORMATS=all, and adds those that take long."""

from __future__ import annotations

import io
import os
from array import array
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from api.contract.client import Client
from control_plane.videos.processing.plan import LOUDNESS
from tests.control_plane.videos.processing.test_encoder import loudness, plays_everywhere
from tests.control_plane.videos.samples import SECRETS, Samples
from tests.end_to_end.platform import Stagedoor
from tests.end_to_end.recordings import CORNERS, FLASH_S, MORE_RECORDINGS, RECORDINGS, Recording
from tests.end_to_end.video_upload import ask, fetch, processed

ALL = os.environ.get("VIDEO_FORMATS") == "all"
WANTED = RECORDINGS | (MORE_RECORDINGS if ALL else {})

pytestmark = pytest.mark.timeout(900 if ALL else 120)


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return Samples(tmp_path_factory.mktemp("recordings"))


@pytest.mark.parametrize("name", WANTED)
async def test_what_phones_record_plays_for_others(
    stagedoor: Stagedoor, samples: Samples, name: str, tmp_path: Path
) -> None:
    recording = WANTED[name]
    upload = await recording.draw(samples)
    assert [secret for secret in SECRETS if secret in upload.read_bytes()], "there is something to remove"
    ada, ben = await stagedoor.sign_in("ada"), await stagedoor.sign_in("ben")
    told = await processed(stagedoor, ada, recording.app, upload.read_bytes(), upload.name)
    assert (told["state"], told["failure"]) == ("ready", ""), told

    for viewer in (ben, ""):
        shown = await detail(stagedoor, viewer, told["id"])
        assert (shown["upload_state"], shown["width"], shown["height"]) == ("ready", *recording.shown)
        assert shown["duration"] == pytest.approx(recording.seconds, abs=2 / min(recording.rate, 60))
        media = await fetch(stagedoor, shown["video"], "video/mp4")
        small = await fetch(stagedoor, shown["video"].replace("/media.", "/small."), "video/mp4")
        poster = await fetch(stagedoor, shown["thum"], "image/jpeg")
        preview = await fetch(stagedoor, shown["gif"], "image/gif")
    for content in (media, small, poster, preview):
        assert not [secret for secret in SECRETS if secret in content]
    assert is_upright(Image.open(io.BytesIO(poster)))
    assert is_upright(Image.open(io.BytesIO(preview)).convert("RGB"))
    assert (media == small) == (recording.shown == recording.small)
    for kind, content, size, fastest in (
        ("media", media, recording.shown, 60),
        ("small", small, recording.small, 60 if media == small else 30),
    ):
        file = tmp_path / f"{kind}.mp4"
        file.write_bytes(content)
        assert content.index(b"moov") < content.index(b"mdat"), "players begin before the end is there"
        if recording.seconds < 60:  # it decodes all frames
            plays_everywhere(file, *size, sound=recording.sound)
        check_pictures(file, recording, min(recording.rate, fastest))
        if recording.sound and recording.seconds >= 1.9:
            assert loudness(file) == pytest.approx(LOUDNESS, abs=1.5)


async def detail(platform: Stagedoor, viewer: str, video_id: int) -> dict[str, Any]:
    """The video as each app shows it to the viewer; "": a guest."""
    answers = [await ask(platform, app, "showVideoDetail", viewer, json={"video_id": str(video_id)}) for app in Client]
    assert [answer["code"] for answer in answers] == [200] * len(Client), answers
    shown: dict[str, Any] = answers[0]["msg"]["Video"]
    return shown


def is_upright(picture: Image.Image) -> bool:
    """Whether the colours are in the corners where they were recorded."""
    for colour, (right, down) in CORNERS.items():
        at = (round((0.06 + 0.88 * right) * picture.width), round((0.06 + 0.88 * down) * picture.height))
        values = picture.getpixel(at)
        assert isinstance(values, tuple)
        strongest = ("red", "lime", "blue").index(colour)
        if not all(values[strongest] > value + 100 for number, value in enumerate(values) if number != strongest):
            return False
    return True


def check_pictures(file: Path, recording: Recording, rate: int) -> None:
    """The first second and the end: what is where and when."""
    flash_s = end_s = None
    with av.open(str(file)) as video:
        stream = video.streams.video[0]
        assert stream.profile in {"High", "Constrained Baseline", "Main"}, "phones decode it in hardware"
        level = stream.codec_context.extradata[3] if stream.codec_context.extradata else 0
        assert 10 <= level <= 42, "of H.264"
        for packet in video.demux(stream):
            if packet.pts is not None and packet.time_base is not None:
                end_s = max(end_s or 0.0, float((packet.pts + (packet.duration or 0)) * packet.time_base))
            if flash_s is None:
                for frame in packet.decode():
                    assert isinstance(frame, av.VideoFrame)
                    picture: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
                    assert is_upright(picture)
                    centre = picture.getpixel((picture.width // 2, picture.height // 2))
                    assert isinstance(centre, tuple)
                    if flash_s is None and min(centre) > 160:
                        flash_s = frame.time
    assert end_s == pytest.approx(recording.seconds, abs=2 / rate)
    assert flash_s == pytest.approx(FLASH_S, abs=1.1 / rate)
    if recording.sound:
        assert beep_s(file) == pytest.approx(flash_s, abs=0.05), "sound and picture are together"


def beep_s(file: Path) -> float:
    """When the sound begins."""
    with av.open(str(file)) as video:
        for frame in video.decode(audio=0):
            samples = array("f", bytes(frame.planes[0])[: 4 * frame.samples])
            for number, sample in enumerate(samples):
                if abs(sample) > 0.02:
                    assert frame.time is not None
                    return frame.time + number / frame.sample_rate
    raise AssertionError("there is no sound")
