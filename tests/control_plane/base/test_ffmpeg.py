"""Which ffmpeg is run, and what is said when it does not work."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from control_plane.base import child, ffmpeg
from control_plane.base.child import Kind
from control_plane.base.ffmpeg import FfmpegFailed
from ffmpeg_fixtures.clips import generate

NO_LIBRARY = "There is no bundled ffmpeg for this platform: install ffmpeg and set LIVE_FFMPEG to its path."


def own_ffmpeg(folder: Path) -> Path:
    """A program that passes for an ffmpeg of version own-1 and records its arguments."""
    program = folder / "own ffmpeg"
    program.write_text(
        f'#!/bin/sh\n[ "$1" = -version ] && exec echo ffmpeg version own-1\necho "$@" > {folder}/arguments\n'
    )
    program.chmod(0o755)
    return program


async def test_without_a_setting_it_is_the_bundled_one() -> None:
    program = ffmpeg.executable()
    assert "imageio_ffmpeg" in program.parts
    assert re.search(r"[0-9]", await ffmpeg.version(program))


async def test_the_setting_names_the_one_that_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = own_ffmpeg(tmp_path)
    copy = child.runnable(own, child.account_for(Kind.WORKER))
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)  # it is not even imported
    try:
        assert ffmpeg.executable(str(own)) == own
        assert await ffmpeg.version(own) == "own-1"
        await ffmpeg.run(["-i", "a.mp4", "b.mp4"], "the video", 30, program=own)
    finally:
        if copy != own:
            copy.unlink()
    assert (tmp_path / "arguments").read_text().endswith("-i a.mp4 b.mp4\n")


@pytest.mark.parametrize("setting", ["/nowhere/ffmpeg", "/etc/passwd", "/tmp"])
async def test_a_setting_that_names_no_program_is_told(setting: str, tmp_path: Path) -> None:
    with pytest.raises(FfmpegFailed, match=f"LIVE_FFMPEG={setting} is not an executable file."):
        ffmpeg.executable(setting)
    with pytest.raises(FfmpegFailed, match=f"LIVE_FFMPEG={setting}"):
        await generate(tmp_path / "samples", lambda _: None, setting)


@pytest.mark.parametrize(("program", "says"), [("/bin/echo", "is not ffmpeg"), ("/bin/false", "ended with status 1")])
async def test_a_program_that_is_no_ffmpeg_is_told(program: str, says: str) -> None:
    with pytest.raises(FfmpegFailed, match=says):
        await ffmpeg.version(Path(program))


def test_a_platform_without_a_bundled_one_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    import imageio_ffmpeg

    def missing() -> str:
        raise RuntimeError("No ffmpeg exe could be found.")

    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", missing)
    with pytest.raises(FfmpegFailed, match=NO_LIBRARY):
        ffmpeg.executable()
