"""The sample videos, drawn once and checked with another program than the one that made them."""

from __future__ import annotations

import asyncio
import itertools
import os
from array import array
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import psutil
import pytest

from control_plane.base.child import Kind, account_for
from control_plane.base.ffmpeg import FfmpegFailed
from ffmpeg_fixtures import clips
from ffmpeg_fixtures.clips import CLIPS, Clip, generate

each_clip = pytest.mark.parametrize("clip", CLIPS, ids=[clip.slug for clip in CLIPS])


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("feed")
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, generate(folder, say_nothing)).result()
    return folder


def say_nothing(text: str) -> None:
    pass


def pictures(file: Path) -> list[bytes]:
    """Every frame, as 16 × 16 grey values."""
    with av.open(str(file)) as container:
        small = [frame.reformat(width=16, height=16, format="gray") for frame in container.decode(video=0)]
    return [b"".join(row(frame, number) for number in range(16)) for frame in small]


def row(frame: av.VideoFrame, number: int) -> bytes:
    plane = frame.planes[0]
    return bytes(plane)[number * plane.line_size :][:16]


def samples(file: Path) -> array[float]:
    """Samples of the left channel."""
    heard = array("f")
    with av.open(str(file)) as container:
        for frame in container.decode(audio=0):
            heard.frombytes(bytes(frame.planes[0])[: frame.samples * 4])
    return heard


def difference(one: bytes, other: bytes) -> float:
    """Mean difference of two pictures, in grey values."""
    return sum(abs(a - b) for a, b in zip(one, other, strict=True)) / len(one)


@each_clip
def test_a_clip_is_a_short_vertical_video_with_sound(feed: Path, clip: Clip) -> None:
    with av.open(str(feed / clip.media)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert (video.width, video.height, video.average_rate) == (clips.WIDTH, clips.HEIGHT, Fraction(clips.FPS))
        assert video.codec_context.pix_fmt == "yuv420p"
        assert container.duration is not None
        assert container.duration / 1_000_000 == pytest.approx(clip.duration_s, abs=0.1)
    assert clip.width * 16 == clip.height * 9
    assert 5_000 <= clip.duration_ms <= 10_000
    assert (feed / clip.media).stat().st_size < 400_000


@each_clip
def test_a_clip_plays_while_it_loads(feed: Path, clip: Clip) -> None:
    beginning = (feed / clip.media).read_bytes()
    assert beginning.index(b"moov") < beginning.index(b"mdat")


@each_clip
def test_a_clip_moves_and_can_be_heard(feed: Path, clip: Clip) -> None:
    frames, heard = pictures(feed / clip.media), samples(feed / clip.media)
    assert len(frames) == clip.duration_s * clips.FPS
    assert difference(frames[0], frames[-1]) > 5
    assert max(heard) > 0.2
    assert sum(value * value for value in heard) / len(heard) > 0.05**2


@each_clip
def test_a_clip_has_a_thumbnail_and_an_animated_preview(feed: Path, clip: Clip) -> None:
    with av.open(str(feed / clip.thumbnail)) as container:
        still = container.streams.video[0]
        assert (still.codec_context.name, still.width, still.height) == ("mjpeg", clips.WIDTH, clips.HEIGHT)
    assert len(pictures(feed / clip.preview)) == 12
    assert b"NETSCAPE2.0" in (feed / clip.preview).read_bytes()  # it begins again
    assert (feed / clip.thumbnail).stat().st_size < 150_000
    assert (feed / clip.preview).stat().st_size < 200_000


def test_no_two_clips_look_or_sound_alike(feed: Path) -> None:
    assert len(CLIPS) == len({clip.slug for clip in CLIPS}) == len({clip.title for clip in CLIPS}) == 5
    for one, other in itertools.combinations(CLIPS, 2):
        assert difference(pictures(feed / one.thumbnail)[0], pictures(feed / other.thumbnail)[0]) > 20
        heard = zip(samples(feed / one.media), samples(feed / other.media), strict=False)
        assert sum(abs(a - b) for a, b in itertools.islice(heard, 100_000)) / 100_000 > 0.05


async def test_what_is_there_is_kept_and_only_what_is_missing_is_made(feed: Path) -> None:
    told: list[str] = []
    before = {file.name: file.stat().st_mtime_ns for file in feed.iterdir()}
    assert sorted(before) == sorted(file for clip in CLIPS for file in clip.files)
    assert await generate(feed, told.append) == CLIPS
    assert told == []

    (feed / "bloom.gif").unlink()
    await generate(feed, told.append)
    assert told == ["Drawing 1 sample video"]
    after = {file.name: file.stat().st_mtime_ns for file in feed.iterdir()}
    assert {name for name in after if after[name] != before[name]} == {"bloom.mp4", "bloom.jpg", "bloom.gif"}


async def test_a_cancelled_drawing_leaves_no_process_and_nothing_half_made(tmp_path: Path) -> None:
    before = set(psutil.Process().children())
    drawing = asyncio.create_task(generate(tmp_path, say_nothing))
    async with asyncio.timeout(10):
        while set(psutil.Process().children()) == before:
            await asyncio.sleep(0.01)
            assert not drawing.done()
    drawing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drawing
    assert set(psutil.Process().children()) <= before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_root_draws_as_another_user_within_limits_and_without_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVE_METRICS_TOKEN", "secret")
    drawing = asyncio.create_task(generate(tmp_path, say_nothing))
    async with asyncio.timeout(10):
        while not (
            found := [child for child in psutil.Process().children() if "-filter_complex" in child.cmdline()[:9]]
        ):
            await asyncio.sleep(0.01)
            assert not drawing.done()
    for process in found:
        process.suspend()
    account = account_for(Kind.WORKER)
    assert account is not None
    for process in found:
        assert process.uids() == (account.uid,) * 3
        assert set(process.environ()) <= {"PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH"}
        limits = Path(f"/proc/{process.pid}/limits").read_text().splitlines()
        [memory] = [line for line in limits if line.startswith("Max data size")]
        assert memory.split()[3] == str(4 << 30)
    drawing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drawing


async def test_what_a_killed_drawing_left_is_swept_away(tmp_path: Path, feed: Path) -> None:
    for file in feed.iterdir():
        (tmp_path / file.name).hardlink_to(file)
    (tmp_path / ".unfinished-x").mkdir()
    (tmp_path / ".unfinished-x" / "bloom.mp4").write_bytes(b"half")
    await generate(tmp_path, say_nothing)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(file.name for file in feed.iterdir())


async def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FfmpegFailed, match=str(tmp_path / "file")):
        await generate(tmp_path / "file" / "samples", say_nothing)
