"""What an upload is, and what is refused whatever its name and its head say."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from control_plane.videos.processing import model, probe_process
from control_plane.videos.processing.model import NotAVideo
from control_plane.videos.processing.probe import ProbeUnavailable, probe
from tests.control_plane.pictures.samples import from_a_phone, quarters, saved
from tests.control_plane.videos.processing import endless
from tests.control_plane.videos.samples import Samples, drawn

SMALL = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")


async def refusal(upload: Path) -> str:
    with pytest.raises(NotAVideo) as refused:
        await probe(upload)
    return str(refused.value)


async def test_what_a_phone_has_recorded_is_known(samples: Samples) -> None:
    portrait = await probe(await samples.turned())
    assert (portrait.video.width, portrait.video.height, portrait.video.turned) == (640, 360, 90)
    assert portrait.size == (360, 640)
    assert portrait.duration_ms == pytest.approx(1000, abs=50)
    assert portrait.audio is not None
    hdr = await probe(await samples.hdr())
    assert (hdr.video.codec, hdr.video.format, hdr.video.transfer) == ("hevc", "yuv420p10le", 18)
    assert (await probe(await samples.vp9())).video.codec == "vp9"
    assert (await probe(await samples.av1())).video.codec == "av1"
    assert (await probe(await samples.silent())).audio is None


async def test_other_files_are_refused_whatever_their_name(samples: Samples, tmp_path: Path) -> None:
    renamed = tmp_path / "picture.mp4"
    renamed.write_bytes((await samples.picture()).read_bytes())
    packed = tmp_path / "bomb.mp4"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.mp4", bytes(100 << 20))
    playlist = tmp_path / "list.mp4"
    playlist.write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n")
    empty = tmp_path / "empty.mp4"
    empty.touch()
    photo, avif = tmp_path / "photo.mp4", tmp_path / "avif.mp4"
    photo.write_bytes(from_a_phone("HEIF"))
    avif.write_bytes(saved(quarters(), "AVIF"))
    for file in (renamed, packed, playlist, empty, photo, avif):
        assert await refusal(file) == model.NO_VIDEO


async def test_sound_with_a_cover_picture_is_no_video(samples: Samples) -> None:
    cover = await samples.picture()
    music = await samples.draw(
        "music.m4a",
        [
            *("-i", str(cover), "-f", "lavfi", "-i", "sine=440:duration=1", "-map", "1:a", "-map", "0:v"),
            *("-c:v", "copy", "-disposition:v", "attached_pic", "-c:a", "aac", "-f", "mp4"),
        ],
    )
    assert await refusal(music) == model.NO_VIDEO


async def test_a_small_file_with_much_in_it_is_refused(samples: Samples) -> None:
    """Bombs: hours of one picture, and too many pixels in each."""
    one = ("-f", "lavfi", "-i", "color=size=64x64:rate=1:duration=910")
    long = await samples.draw("long.mkv", [*one, *SMALL, "-metadata", "DURATION=00:00:01"])
    assert long.stat().st_size < 1 << 20
    assert await refusal(long) == model.TOO_LONG
    wide = await samples.draw("wide.mp4", ["-f", "lavfi", "-i", "color=size=8192x128:duration=0.1", *SMALL])
    assert await refusal(wide) == model.TOO_LARGE


@pytest.mark.parametrize("limit", ["MOST_FRAMES", "MOST_PIXELS"])
async def test_more_frames_than_an_encoder_can_do_are_refused(
    samples: Samples, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    plain = await samples.plain()
    with plain.open("rb") as file:
        assert probe_process.answer(file).refused == ""
    monkeypatch.setattr(probe_process, limit, 20 * (1 if limit == "MOST_FRAMES" else 320 * 180))
    with plain.open("rb") as file:
        assert probe_process.answer(file).refused == model.TOO_MANY_FRAMES


async def test_frames_that_the_encoder_repeats_count(samples: Samples) -> None:
    """Two frames with minutes between them are as much work as a video of minutes, and must not hold up short ones."""
    late = ("-vf", "setpts=PTS+gte(N\\,15)*800/TB", "-fps_mode", "vfr")
    uneven = await samples.draw("gap.mkv", [*drawn(rate=30), *late, *SMALL, "-an"])
    found = await probe(uneven)
    assert (found.video.frames, found.duration_ms // 1000) == (30, 801)
    assert found.pixels == pytest.approx(801 * 30 * 320 * 180, rel=0.01)
    even = await probe(await samples.plain())
    assert even.pixels == even.video.frames * 320 * 180


async def test_a_video_may_be_as_long_as_is_said(samples: Samples) -> None:
    slow = ("-f", "lavfi", "-i", f"color=size=64x64:rate=1:duration={model.LONGEST_S}")
    longest = await samples.draw("longest.mp4", [*slow, *SMALL])
    assert (await probe(longest)).duration_ms == model.LONGEST_S * 1000


async def test_a_damaged_start_does_not_hide_the_rest(samples: Samples, tmp_path: Path) -> None:
    """A packet that cannot be decoded, before those that can."""
    source = await samples.draw("keys.mp4", [*drawn(seconds=1), *SMALL, "-g", "5", "-an"])
    content = bytearray(source.read_bytes())
    at = content.index(b"mdat") + 4
    content[at + 4 : at + 1000] = b"\xff" * 996
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(content)
    assert (await probe(damaged)).video.codec == "h264"


async def test_a_file_that_never_ends_is_refused(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the processor time that it takes, which does not depend on what else the machine does."""
    monkeypatch.setattr("control_plane.videos.processing.probe._PROBE", endless.__name__)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[4]))
    assert await refusal(await samples.plain()) == model.TOO_MUCH_WORK


async def test_a_busy_server_is_not_the_video_s_fault(samples: Samples, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("control_plane.videos.processing.probe.DEADLINE_S", 0.0)
    with pytest.raises(ProbeUnavailable):
        await probe(await samples.plain())
