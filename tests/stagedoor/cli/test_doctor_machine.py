"""The findings of `stagedoor doctor` about the machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import imageio_ffmpeg
import pytest

from control_plane.config.settings import Settings
from stagedoor.cli.doctor.finding import Finding, State
from stagedoor.cli.doctor.installation import looked_at
from stagedoor.cli.doctor.machine import ffmpeg

JUDGE = """
import asyncio, resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from stagedoor.cli.doctor.machine import open_files
print(asyncio.run(open_files(None)).state.name)
"""


@pytest.mark.parametrize(("soft", "hard", "state"), [(256, 8192, "OK"), (256, 1024, "WARNING")])
def test_open_files_are_those_that_the_server_would_have(soft: int, hard: int, state: str) -> None:
    judged = subprocess.run(
        [sys.executable, "-c", JUDGE.format(soft=soft, hard=hard)], capture_output=True, text=True, timeout=60
    )
    assert judged.stdout.strip() == state, judged.stderr


async def looked(data_dir: Path, **settings: str) -> Finding:
    async with looked_at(Settings(data_dir=data_dir, **settings)) as at:  # type: ignore[arg-type]
        return await ffmpeg(at)


async def test_the_doctor_says_which_ffmpeg_is_used(tmp_path: Path) -> None:
    bundled = await looked(tmp_path)
    assert bundled.state is State.OK
    version, path, which = bundled.text.split(" ")
    assert any(letter.isdigit() for letter in version)
    assert Path(path.rstrip(",")).is_file()
    assert which == "(bundled)"
    mine = await looked(tmp_path, ffmpeg=path.rstrip(","))
    assert mine == Finding(State.OK, f"{version} {path} (of LIVE_FFMPEG)")


@pytest.mark.parametrize("setting", ["/nowhere/ffmpeg", "/bin/echo", "/bin/false"])
async def test_the_doctor_says_what_to_do_about_an_ffmpeg_that_does_not_work(tmp_path: Path, setting: str) -> None:
    found = await looked(tmp_path, ffmpeg=setting)
    assert found.state is State.BROKEN
    assert setting in found.text
    assert "Correct LIVE_FFMPEG" in found.advice


async def test_a_missing_bundled_ffmpeg_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imageio_ffmpeg, "get_ffmpeg_exe", lambda: "/nowhere/ffmpeg")
    found = await looked(tmp_path)
    assert found.state is State.WARNING
    assert "set LIVE_FFMPEG" in found.advice
