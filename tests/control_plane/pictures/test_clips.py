"""Profile videos: from phones, and what is none."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import av
import pytest

from control_plane.base import ffmpeg
from control_plane.pictures import clip_model as model
from control_plane.pictures.clips import Clips, EncoderMissing
from control_plane.pictures.model import PictureRefused
from tests.control_plane.pictures.clips import clip
from tests.control_plane.pictures.samples import from_a_phone


@pytest.fixture
def clips(tmp_path: Path) -> Clips:
    return Clips(tmp_path / "uploads")


async def refusal(clips: Clips, upload: Path) -> str:
    with pytest.raises(PictureRefused) as refused:
        async with clips.encoded(upload):
            pass
    return str(refused.value)


async def test_a_phones_video_becomes_a_small_mp4_without_metadata(clips: Clips, tmp_path: Path) -> None:
    turned = await clip(tmp_path / "a.mp4", size="1920x1080")
    await asyncio.to_thread(
        subprocess.run,
        [
            *(str(ffmpeg.executable()), "-loglevel", "error", "-display_rotation", "90", "-i", str(turned)),
            *("-c", "copy", "-map_metadata", "0", str(tmp_path / "phone.mov")),
        ],
        check=True,
    )
    assert b"SecretTitle" in (tmp_path / "phone.mov").read_bytes()
    async with clips.encoded(tmp_path / "phone.mov") as mp4:
        content = mp4.read_bytes()
        with av.open(str(mp4)) as video:
            stream = video.streams.video[0]
            assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 720, 1280)
            assert video.streams.audio[0].codec_context.name == "aac"
            assert len(list(video.decode(video=0))) >= 9
    assert content.index(b"moov") < content.index(b"mdat"), "players begin before the end is there"
    for secret in (b"SecretTitle", b"48.8588"):
        assert secret not in content
    assert not mp4.exists()
    assert list((tmp_path / "uploads").iterdir()) == []


@pytest.mark.parametrize("extra", [("-f", "webm", "-c:v", "libvpx", "-c:a", "libopus"), ("-f", "matroska"), ("-an",)])
async def test_other_kinds_are_converted(clips: Clips, tmp_path: Path, extra: tuple[str, ...]) -> None:
    upload = await clip(tmp_path / "video.mp4", size="321x241" if "webm" in extra else "100x50", extra=extra)
    async with clips.encoded(upload) as mp4:
        with av.open(str(mp4)) as video:
            assert video.streams.video[0].codec_context.name == "h264"


async def test_without_an_ffmpeg_a_video_is_refused_for_now(tmp_path: Path) -> None:
    upload = await clip(tmp_path / "video.mp4")
    with pytest.raises(EncoderMissing, match="try again later") as refused:
        async with Clips(tmp_path / "uploads", "/nowhere/ffmpeg").encoded(upload):
            pass
    assert "LIVE_FFMPEG=/nowhere/ffmpeg" in str(refused.value.__cause__)
    assert "LIVE_FFMPEG" not in str(refused.value)


async def test_what_is_too_long_is_refused_whatever_its_head_says(clips: Clips, tmp_path: Path) -> None:
    long = await clip(tmp_path / "long.mp4", seconds=model.LONGEST_S + 5, size="64x64", sound=False)
    assert await refusal(clips, long) == model.TOO_LONG
    no_duration = await clip(
        tmp_path / "long.mkv",
        seconds=model.LONGEST_S + 5,
        size="64x64",
        sound=False,
        extra=("-live", "1", "-f", "matroska"),
    )
    assert await refusal(clips, no_duration) == model.TOO_LONG


async def test_what_is_no_video_is_refused_in_words(clips: Clips, tmp_path: Path) -> None:
    video = await clip(tmp_path / "video.mp4")
    content = video.read_bytes()
    bodies = {
        b"": model.NO_CLIP,
        b"<html>": model.NO_CLIP,
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n": model.NO_CLIP,
        b"ffconcat version 1.0\nfile /etc/passwd\n": model.NO_CLIP,
        from_a_phone(): model.NO_CLIP,
        content[: len(content) // 2]: None,
        content[:32] + bytes(5000): None,
    }
    for body, why in bodies.items():
        (tmp_path / "upload").write_bytes(body)
        told = await refusal(clips, tmp_path / "upload")
        assert told == why if why else told in (model.NO_CLIP, model.BROKEN_CLIP), body[:20]
    sound = await clip(tmp_path / "sound.mp4", extra=("-vn",))
    assert await refusal(clips, sound) == model.NO_CLIP
    assert list((tmp_path / "uploads").glob("*")) == []
