"""What phones upload becomes what every app plays."""

from __future__ import annotations

import errno
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import av
import pytest

from control_plane.base import child, ffmpeg
from control_plane.base.child import Kind
from control_plane.base.ffmpeg import FfmpegTooSlow
from control_plane.storage.model import StorageUnavailable
from control_plane.storage.space import NoRoomForUploads, Space
from control_plane.videos.processing import encoder as encoding
from control_plane.videos.processing import plan
from control_plane.videos.processing.encoder import Encoder, Made, Source
from control_plane.videos.processing.model import BROKEN, NO_VIDEO, TOO_SLOW, NotAVideo
from control_plane.videos.processing.plan import LOUDNESS
from control_plane.videos.processing.probe import ProbeUnavailable, probe
from tests.control_plane.videos.samples import SECRETS, Samples, drawn


class Usage(NamedTuple):
    free: int


Sample = Callable[[Samples], Awaitable[Path]]


def chunks(upload: Path) -> Source:
    async def content() -> AsyncIterator[bytes]:
        yield upload.read_bytes()

    return Source(content(), upload.stat().st_size)


async def ignored(percent: int) -> None:
    pass


@pytest.fixture
def encoder(tmp_path: Path) -> Encoder:
    return Encoder(tmp_path / "processing")


async def encoded(encoder: Encoder, upload: Path, check: Callable[[Made], None]) -> None:
    async with encoder.encoded(chunks(upload), ignored) as made:
        check(made)


def plays_everywhere(file: Path, width: int, height: int, *, sound: bool = True) -> None:
    content = file.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat"), "players begin before the end is there"
    assert not [secret for secret in SECRETS if secret in content]
    with av.open(str(file)) as video:
        stream = video.streams.video[0]
        assert stream.codec_context.name == "h264"
        frames = list(video.decode(stream))
        assert (frames[0].width, frames[0].height, frames[0].rotation) == (width, height, 0)
        assert frames[0].format.name == "yuv420p"
        assert frames[0].color_trc in {1, 2, 6}, "no HDR"
        assert len(video.streams.get()) == (2 if sound else 1), "no other streams"
        assert [one.codec_context.name for one in video.streams.audio] == (["aac"] if sound else [])


def loudness(file: Path) -> float:
    """Measured by ffmpeg's own summary."""
    measured = subprocess.run(
        [str(ffmpeg.executable()), "-hide_banner", "-nostats", "-i", str(file), "-af", "ebur128", "-f", "null", "-"],
        capture_output=True,
        text=True,
        check=True,
    ).stderr
    return float(measured.rpartition("I:")[2].split()[0])


@pytest.mark.parametrize(
    ("sample", "width", "height", "sound"),
    [
        pytest.param(Samples.plain, 320, 180, True, id="H.264"),
        pytest.param(Samples.turned, 360, 640, True, id="portrait by a rotation flag"),
        pytest.param(Samples.hdr, 640, 360, True, id="HEVC 10 bit HDR"),
        pytest.param(Samples.vp9, 320, 180, True, id="VP9"),
        pytest.param(Samples.av1, 320, 180, True, id="AV1"),
        pytest.param(Samples.silent, 320, 180, False, id="no audio"),
        pytest.param(Samples.odd, 320, 180, True, id="odd size"),
        pytest.param(Samples.variable, 320, 180, True, id="variable rate"),
    ],
)
async def test_what_phones_record_plays_everywhere(
    encoder: Encoder, samples: Samples, sample: Sample, width: int, height: int, sound: bool, tmp_path: Path
) -> None:
    upload = await sample(samples)
    async with encoder.encoded(chunks(upload), ignored) as made:
        plays_everywhere(made.media, width, height, sound=sound)
        assert (made.width, made.height) == (width, height)
        assert 900 <= made.duration_ms <= 2100
        with av.open(str(made.poster)) as poster:
            assert next(poster.decode(video=0)).width == width
        with av.open(str(made.preview)) as preview:
            assert len(list(preview.decode(video=0))) >= 5
    assert list((tmp_path / "processing").iterdir()) == []


async def test_a_single_frame_is_a_video(encoder: Encoder, samples: Samples) -> None:
    async with encoder.encoded(chunks(await samples.single()), ignored) as made:
        plays_everywhere(made.media, 320, 180, sound=False)
        with av.open(str(made.preview)) as preview:
            assert len(list(preview.decode(video=0))) == 1


async def test_sound_ends_with_the_picture(encoder: Encoder, samples: Samples) -> None:
    plain = await samples.plain()
    longer = await samples.draw(
        "longer.mp4",
        ["-i", str(plain), *("-f", "lavfi", "-i", "sine=440:duration=5"), "-map", "0:v", "-map", "1:a", "-c:v", "copy"],
    )
    async with encoder.encoded(chunks(longer), ignored) as made:
        with av.open(str(made.media)) as media:
            assert media.duration is not None
            assert media.duration / 1e6 == pytest.approx(1, abs=0.2)


async def test_4k_with_60_frames_becomes_1080p_and_540p(encoder: Encoder, samples: Samples) -> None:
    upload = await samples.draw(
        "4k.mp4",
        [
            *("-f", "lavfi", "-i", "testsrc2=size=2160x3840:rate=60:duration=0.2"),
            *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
        ],
    )
    async with encoder.encoded(chunks(upload), ignored) as made:
        plays_everywhere(made.media, 1080, 1920, sound=False)
        plays_everywhere(made.small, 540, 960, sound=False)
        with av.open(str(made.media)) as media, av.open(str(made.small)) as small:
            assert sum(1 for _ in media.decode(video=0)) == 12
            assert sum(1 for _ in small.decode(video=0)) <= 8


@pytest.mark.parametrize("rate", [60, 120])
async def test_frames_are_shown_in_time_when_others_are_left_out(encoder: Encoder, samples: Samples, rate: int) -> None:
    flash = "drawbox=0:0:1280:720:white:fill:enable='gte(t,0.5)',format=yuv420p"
    picture = ("-f", "lavfi", "-i", f"color=black:size=1280x720:rate={rate}:duration=1,{flash}")
    upload = await samples.draw("flash.mp4", [*picture, "-c:v", "mpeg4", "-q:v", "5"])
    async with encoder.encoded(chunks(upload), ignored) as made:
        for file, most in ((made.media, 60), (made.small, 30)):
            with av.open(str(file), "r") as video:
                frames = [(frame.time, bytes(frame.planes[0])[0]) for frame in video.decode(video=0)]
            assert next(time for time, light in frames if light > 128) == pytest.approx(0.5, abs=0.02)
            assert len(frames) == pytest.approx(most, abs=1)


@pytest.mark.parametrize("loudness_db", [-10, 14])
async def test_quiet_and_loud_videos_are_as_loud_as_the_others(
    encoder: Encoder, samples: Samples, loudness_db: float
) -> None:
    upload = await samples.plain(seconds=3, loudness_db=loudness_db)
    async with encoder.encoded(chunks(upload), ignored) as made:
        assert loudness(upload) != pytest.approx(LOUDNESS, abs=3)
        assert loudness(made.media) == pytest.approx(LOUDNESS, abs=1.5)


@pytest.mark.parametrize("how", ["empty", "damaged"])
async def test_a_track_without_sound_is_left_out(encoder: Encoder, samples: Samples, how: str, tmp_path: Path) -> None:
    """A phone whose user has not allowed the microphone may write one."""
    plain = await samples.draw("sound.mp4", [*drawn(), *("-c:v", "mpeg4", "-c:a", "aac")])
    content = bytearray(plain.read_bytes())
    sound = content.index(b"soun")
    if how == "empty":
        for box, at in ((b"stts", 4), (b"stsc", 4), (b"stsz", 8), (b"stco", 4)):
            count = content.index(box, sound) + 4 + at
            content[count : count + 4] = bytes(4)
    else:
        with av.open(str(plain), "r") as file:
            places = [(packet.pos, packet.size) for packet in file.demux(audio=0) if packet.pos is not None]
        for place, size in places:
            content[place : place + size] = b"\xff" * size
    upload = tmp_path / "silent.mp4"
    upload.write_bytes(content)
    async with encoder.encoded(chunks(upload), ignored) as made:
        plays_everywhere(made.media, 320, 180, sound=False)


async def test_four_channels_are_as_loud_as_two(encoder: Encoder, samples: Samples) -> None:
    upload = await samples.draw(
        "four.mp4",
        [
            "-i",
            str(await samples.plain(seconds=3, loudness_db=-5)),
            "-c:v",
            "copy",
            "-af",
            "pan=4.0|FL=c0|FR=c0|FC=c0|BC=c0",
        ],
    )
    async with encoder.encoded(chunks(upload), ignored) as made:
        assert loudness(made.media) == pytest.approx(LOUDNESS, abs=1.5)


async def test_the_pictures_of_h264_are_kept_without_messages_of_the_camera(encoder: Encoder, samples: Samples) -> None:
    source = await samples.plain("640x360")
    marked = await samples.draw(
        "marked.mp4",
        [
            "-i",
            str(source),
            "-c",
            "copy",
            "-bsf:v",
            "h264_metadata=sei_user_data=086f3693-b7b3-4f2c-9653-21492feee5b8+SecretMessage",
        ],
    )
    assert b"SecretMessage" in marked.read_bytes()
    async with encoder.encoded(chunks(marked), ignored) as made:
        plays_everywhere(made.media, 640, 360)
        with av.open(str(source)) as before, av.open(str(made.media)) as after:
            for one, other in zip(before.decode(video=0), after.decode(video=0), strict=True):
                assert bytes(one.planes[0]) == bytes(other.planes[0]), "not encoded again"


async def test_what_an_editor_cut_away_is_not_published(encoder: Encoder, samples: Samples) -> None:
    source = await samples.plain("640x360", seconds=2)
    trimmed = await samples.draw("trimmed.mp4", ["-ss", "1.5", "-i", str(source), "-c", "copy"])
    with av.open(str(trimmed)) as file:
        assert any(packet.is_discard for packet in file.demux(video=0)), "the cut frames are still in the file"
    async with encoder.encoded(chunks(trimmed), ignored) as made:
        assert made.duration_ms <= 700
        with av.open(str(made.media)) as file:
            packets = [packet for packet in file.demux(video=0) if packet.size]
            assert len(packets) <= 20
            assert not any(packet.is_discard for packet in packets)


async def test_what_is_no_video_is_refused_in_words(encoder: Encoder, samples: Samples, tmp_path: Path) -> None:
    plain = await samples.plain()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(plain.read_bytes()[:20_000])
    for upload, why in ((await samples.picture(), NO_VIDEO), (cut, NO_VIDEO), (damaged(plain, tmp_path), BROKEN)):
        with pytest.raises(NotAVideo, match=why):
            await encoded(encoder, upload, lambda made: None)
    assert list((tmp_path / "processing").iterdir()) == []


def damaged(upload: Path, folder: Path) -> Path:
    """A file with a good index, and nothing that can be decoded."""
    content = bytearray(upload.read_bytes())
    at = content.index(b"mdat") + 4
    end = content.index(b"moov") - 4 if content.index(b"moov") > at else len(content)
    content[at:end] = b"\xff" * (end - at)
    file = folder / "damaged.mp4"
    file.write_bytes(content)
    return file


async def test_a_probe_that_does_not_end_is_not_the_video_s_fault(
    encoder: Encoder, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job tries again: a busy server would fail the video of a user for good."""
    monkeypatch.setattr("control_plane.videos.processing.probe.DEADLINE_S", 0.0)
    with pytest.raises(ProbeUnavailable):
        await encoded(encoder, await samples.plain(), lambda made: None)


async def test_processor_time_tells_a_costly_video_from_a_busy_server(
    encoder: Encoder, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = await samples.plain("1920x1080", seconds=6)
    monkeypatch.setattr(encoding, "AT_LEAST_S", 8)
    monkeypatch.setattr(encoding, "SLOWEST", 0)
    monkeypatch.setattr(encoding, "PATIENCE", 30)
    with pytest.raises(NotAVideo, match=TOO_SLOW):
        await encoded(encoder, upload, lambda made: None)
    monkeypatch.setattr(encoding, "PATIENCE", 0)
    with pytest.raises(FfmpegTooSlow):  # the job tries again
        await encoded(encoder, upload, lambda made: None)


async def test_an_ffmpeg_that_ends_at_the_fourth_signal_had_processor_time_enough(
    samples: Samples, tmp_path: Path
) -> None:
    """It does so where its threads use up a second after the other before it has ended by itself."""
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\nexit 123\n")
    program.chmod(0o755)
    copy = child.runnable(program, child.account_for(Kind.WORKER))
    try:
        with pytest.raises(NotAVideo, match=TOO_SLOW):
            await encoded(Encoder(tmp_path / "processing", str(program)), await samples.plain(), lambda made: None)
    finally:
        copy.unlink()


async def test_a_disk_without_place_for_a_folder_is_no_fault_of_the_video(
    encoder: Encoder, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, "no space")

    upload = await samples.plain()
    monkeypatch.setattr(tempfile, "mkdtemp", full)
    with pytest.raises(StorageUnavailable):
        await encoded(encoder, upload, lambda made: None)


async def test_a_source_without_room_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield pytest.fail("it was read")

    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(99))
    with pytest.raises(NoRoomForUploads):
        async with Encoder(tmp_path / "processing").encoded(Source(content(), 100), ignored):
            pass


@pytest.mark.parametrize("marked", [False, True])
async def test_the_disk_keeps_its_reserve(
    samples: Samples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, marked: bool
) -> None:
    """There must be room for what ffmpeg writes, and for its copy."""
    upload = await samples.plain()
    probed = await probe(upload)
    made = plan.most_bytes_marked(probed.duration_ms) if marked else plan.most_bytes(probed)
    reserve = 1 << 30
    free = reserve + 2 * made - 1
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(free))
    space = Space(tmp_path, reserve)
    encoder = Encoder(tmp_path / "processing", space=space)

    async def encode() -> int:
        working = (
            encoder.watermarked(chunks(upload), (await samples.picture()).read_bytes(), probed.duration_ms)
            if marked
            else encoder.encoded(chunks(upload), ignored)
        )
        async with working:
            return space.reserved

    with pytest.raises(NoRoomForUploads):
        await encode()
    assert (space.reserved, list((tmp_path / "processing").iterdir())) == (0, [])
    free += 1
    assert await encode() == 2 * made
    assert space.reserved == 0
