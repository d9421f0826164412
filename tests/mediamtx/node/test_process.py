from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from control_plane.base import private_file
from control_plane.streams.media.model import MediaServerUnavailable
from mediamtx.errors import MediaMTXNotStarted, PortTaken
from mediamtx.node.client import MediaMTXClient
from mediamtx.node.config import MediaMTXConfig, render
from mediamtx.node.process import MediaMTXProcess
from mediamtx.obtain.pinned import VERSION
from stagedoor.processes.supervisor import ChildGaveUp
from tests.mediamtx.node import left_running
from tests.mediamtx.rig import Listener, Rig, config_for, listening, publishing, running
from tests.stagedoor.processes.supervision import supervised
from tests.waiting import until


def is_alive(pid: int | None) -> bool:
    try:
        return pid is not None and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def started_anew(process: MediaMTXProcess, old_pid: int | None) -> Callable[[], bool]:
    return lambda: process.pid not in {None, old_pid}


async def answering(client: MediaMTXClient) -> None:
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(MediaServerUnavailable):
                await client.info()
                return
            await asyncio.sleep(0.02)


# ── starting ──


async def test_it_is_out_of_reach_of_our_terminal(rig: Rig) -> None:
    pid = rig.process.pid
    assert pid is not None
    assert os.getsid(pid) == pid != os.getsid(0)
    assert os.getpgid(pid) == pid


async def test_its_environment_holds_none_of_our_settings(
    listener: Listener, mediamtx_binary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVE_DATABASE_URL", "postgresql://secret@db/live")
    monkeypatch.setenv("MTX_RTMP", "no")
    config = dataclasses.replace(config_for(tmp_path, listener.url), log_level="info")
    process = MediaMTXProcess(mediamtx_binary, config, tmp_path / "m")
    await process.start()
    try:
        environment = psutil.Process(process.pid).environ()
        assert not [name for name in environment if name.startswith(("LIVE_", "MTX_"))]
        assert "[RTMP] " in process.log_path.read_text()
    finally:
        await process.stop()


@pytest.mark.parametrize("name", ["rtmp_port", "hls_port", "webrtc_port", "webrtc_udp_port", "srt_port", "api_port"])
async def test_a_taken_port_is_named(listener: Listener, mediamtx_binary: Path, tmp_path: Path, name: str) -> None:
    config = config_for(tmp_path, listener.url)
    port = getattr(config, name)
    kind = socket.SOCK_DGRAM if name in {"webrtc_udp_port", "srt_port"} else socket.SOCK_STREAM
    process = MediaMTXProcess(mediamtx_binary, config, tmp_path / "m")
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.bind(("127.0.0.1", port))
        if kind == socket.SOCK_STREAM:
            holder.listen()
        with pytest.raises(PortTaken) as taken:
            await process.start()
    assert (taken.value.port_name, taken.value.port) == (name, port)
    assert process.pid is None


async def test_another_servers_api_on_our_port_is_not_taken_for_ours(
    rig: Rig, mediamtx_binary: Path, tmp_path: Path
) -> None:
    config = dataclasses.replace(config_for(tmp_path, rig.listener.url), api_port=rig.config.api_port)
    process = MediaMTXProcess(mediamtx_binary, config, tmp_path / "second")
    with pytest.raises(PortTaken, match="api_port"):
        await process.start()
    assert is_alive(rig.process.pid)


async def test_a_configuration_that_it_refuses_stops_the_start_with_its_words(
    listener: Listener, mediamtx_binary: Path, tmp_path: Path
) -> None:
    config = dataclasses.replace(config_for(tmp_path, listener.url), trusted_proxies=("nonsense",))
    process = MediaMTXProcess(mediamtx_binary, config, tmp_path / "m")
    with pytest.raises(MediaMTXNotStarted, match="nonsense"):
        await process.start()
    assert process.pid is None


async def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    config = config_for(tmp_path, "http://127.0.0.1:9/hooks")
    process = MediaMTXProcess(tmp_path / "mediamtx", config, tmp_path / "file" / "m")
    with pytest.raises(MediaMTXNotStarted, match=r"cannot be set up in .*: Not a directory"):
        await process.start()


async def test_an_executable_that_is_not_there_is_named(tmp_path: Path) -> None:
    process = MediaMTXProcess(tmp_path / "missing", config_for(tmp_path, "http://127.0.0.1:9/hooks"), tmp_path / "m")
    with pytest.raises(MediaMTXNotStarted, match="missing"):
        await process.start()


async def test_a_cancelled_start_leaves_nothing_running(
    listener: Listener, mediamtx_binary: Path, tmp_path: Path
) -> None:
    spawned: list[int] = []
    config = config_for(tmp_path, listener.url)
    process = MediaMTXProcess(mediamtx_binary, config, tmp_path / "m")
    start = asyncio.create_task(process.start(spawned.append))
    await until(lambda: bool(spawned))
    start.cancel()
    with pytest.raises(asyncio.CancelledError):
        await start
    assert not is_alive(spawned[0])


# ── stopping ──


async def test_stop_leaves_no_process(rig: Rig) -> None:
    pid = rig.process.pid
    assert is_alive(pid)
    await rig.process.stop()
    assert not is_alive(pid)
    assert rig.process.pid is None


async def test_a_cancelled_stop_leaves_no_process(rig: Rig) -> None:
    pid = rig.process.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)  # deaf to the polite signal
    stop = asyncio.create_task(rig.process.stop())
    await asyncio.wait([stop], timeout=0.2)
    stop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stop
    assert not is_alive(pid)


async def test_the_log_of_earlier_starts_is_kept(mediamtx_binary: Path, tmp_path: Path) -> None:
    async with running(mediamtx_binary, tmp_path, log_level="info") as rig:
        for _ in range(4):
            await rig.process.stop()
            await rig.process.start()
        kept = sorted(path.name for path in rig.process.log_path.parent.glob("mediamtx.log*"))
        assert kept == ["mediamtx.log", "mediamtx.log.1", "mediamtx.log.2", "mediamtx.log.3"]
        assert rig.log.count(f"MediaMTX {VERSION}") == 1


# ── supervision ──


async def test_a_killed_server_is_started_again_and_takes_publishers(rig: Rig) -> None:
    async with supervised(rig.process):
        old_pid = rig.process.pid
        kill(old_pid)
        await until(started_anew(rig.process, old_pid))
        await answering(rig.client)
        async with publishing(rig.publish_url("live/7")):
            await until(lambda: rig.listener.heard("online"))


async def test_each_new_pid_is_told(listener: Listener, mediamtx_binary: Path, tmp_path: Path) -> None:
    told: list[int] = []
    config = config_for(tmp_path, listener.url)
    process = MediaMTXProcess(mediamtx_binary, config, tmp_path / "m")
    await process.start(told.append)
    try:
        async with supervised(process, told.append):
            kill(process.pid)
            await until(lambda: len(told) == 2)
            assert told[1] == process.pid
    finally:
        await process.stop()


async def test_cancelled_during_a_restart_it_leaves_nothing_running_after_stop(
    listener: Listener, mediamtx_binary: Path, tmp_path: Path
) -> None:
    told: list[int] = []
    config = config_for(tmp_path, listener.url)
    process = MediaMTXProcess(mediamtx_binary, config, tmp_path / "m")
    await process.start(told.append)
    async with supervised(process, told.append):
        kill(process.pid)
        await until(lambda: len(told) == 2)
    await process.stop()
    assert not any(is_alive(pid) for pid in told)


async def test_a_server_that_cannot_be_started_any_more_is_given_up(
    listener: Listener, mediamtx_binary: Path, tmp_path: Path
) -> None:
    binary = tmp_path / "mediamtx-link"
    binary.symlink_to(mediamtx_binary)
    process = MediaMTXProcess(binary, config_for(tmp_path, listener.url), tmp_path / "m")
    await process.start()
    async with supervised(process) as task:
        binary.unlink()
        binary.write_text("#!/bin/sh\necho out of order\nexit 3\n")
        binary.chmod(0o755)
        started_at = time.monotonic()
        kill(process.pid)
        with pytest.raises(ChildGaveUp, match=r"MediaMTX failed 5 times .* status 3 .*out of order"):
            await asyncio.wait_for(task, 30)
        assert time.monotonic() - started_at > 2.5, "it pauses in between"
    assert process.pid is None


# ── adoption ──


@dataclass
class LeftRunning:
    pid: int
    binary: Path
    config: MediaMTXConfig
    directory: Path
    listener: Listener

    def successor(self, **changes: object) -> MediaMTXProcess:
        return MediaMTXProcess(self.binary, dataclasses.replace(self.config, **changes), self.directory)  # type: ignore[arg-type]


@pytest.fixture
async def left(mediamtx_binary: Path, tmp_path: Path) -> AsyncIterator[LeftRunning]:
    """A server whose control plane was killed by SIGKILL."""
    async with listening() as listener:
        config = config_for(tmp_path, listener.url)
        directory = tmp_path / "mediamtx"
        owner = await asyncio.create_subprocess_exec(
            sys.executable, "-m", left_running.__name__,
            str(mediamtx_binary), str(directory), json.dumps(dataclasses.asdict(config)),
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert owner.stdout is not None
        pid = int(await asyncio.wait_for(owner.stdout.readline(), 20))
        owner.kill()
        await owner.wait()
        try:
            yield LeftRunning(pid, mediamtx_binary, config, directory, listener)
        finally:
            if is_alive(pid):
                kill(pid)
                await until(lambda: not is_alive(pid))


async def test_a_server_whose_owner_was_killed_is_adopted_with_its_publisher(left: LeftRunning) -> None:
    url = f"rtmp://127.0.0.1:{left.config.rtmp_port}/live/7"
    async with publishing(url), MediaMTXClient(left.config.api_url, left.config.api_password) as client:
        await until(lambda: left.listener.heard("online"))
        process = left.successor()
        assert await process.adopt(left.pid)
        assert process.pid == left.pid
        assert [path.online async for page in client.list_paths() for path in page] == [True]
        await process.stop()
    assert not is_alive(left.pid)


async def test_an_adopted_server_is_supervised(left: LeftRunning) -> None:
    process = left.successor()
    assert await process.adopt(left.pid)
    async with supervised(process):
        kill(left.pid)
        await until(started_anew(process, left.pid))
    await process.stop()
    assert process.pid is None


async def test_a_server_with_another_configuration_is_stopped_and_can_be_replaced(left: LeftRunning) -> None:
    process = left.successor(read_timeout_s=7)
    assert not await process.adopt(left.pid)
    assert not is_alive(left.pid)
    await process.start()
    assert process.pid not in {None, left.pid}
    await process.stop()


async def test_a_server_of_another_executable_is_stopped(left: LeftRunning, tmp_path: Path) -> None:
    newer = tmp_path / "newer"
    newer.symlink_to(left.binary)
    assert not await MediaMTXProcess(newer, left.config, left.directory).adopt(left.pid)
    assert not is_alive(left.pid)


async def test_a_server_that_does_not_answer_is_stopped(left: LeftRunning) -> None:
    os.kill(left.pid, signal.SIGSTOP)
    await until(lambda: psutil.Process(left.pid).status() == psutil.STATUS_STOPPED)
    process = left.successor()
    assert not await process.adopt(left.pid)
    assert not is_alive(left.pid)


async def test_a_process_that_is_not_ours_is_neither_adopted_nor_stopped(left: LeftRunning, tmp_path: Path) -> None:
    elsewhere = MediaMTXProcess(left.binary, left.config, tmp_path / "another data directory")
    assert not await elsewhere.adopt(left.pid)
    assert not await left.successor().adopt(os.getpid())
    assert is_alive(left.pid)


async def test_a_pid_that_is_gone_is_not_adopted(left: LeftRunning) -> None:
    kill(left.pid)
    await until(lambda: not is_alive(left.pid))
    assert not await left.successor().adopt(left.pid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's MediaMTX runs as another user")
async def test_a_port_for_which_it_would_have_to_be_root_is_told(
    listener: Listener, mediamtx_binary: Path, tmp_path: Path
) -> None:
    lowest = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if lowest.exists() and int(lowest.read_text()) < 1024:
        pytest.skip("any user may listen on every port here")
    config = dataclasses.replace(config_for(tmp_path, listener.url), hls_port=1001)
    process = MediaMTXProcess(mediamtx_binary, config, tmp_path / "m")
    with pytest.raises(MediaMTXNotStarted, match="may not listen on port 1001: it does not run as root"):
        await process.start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's MediaMTX runs as another user")
async def test_a_server_that_an_earlier_release_left_running_as_root_is_stopped(
    listener: Listener, mediamtx_binary: Path, tmp_path: Path
) -> None:
    """It has its configuration in the data directory."""
    config = config_for(tmp_path, listener.url)
    old = tmp_path / "m" / "conf" / "mediamtx.yml"
    private_file.replace(old, render(config))
    left = await asyncio.create_subprocess_exec(
        mediamtx_binary, old, stdout=asyncio.subprocess.DEVNULL, start_new_session=True
    )
    async with MediaMTXClient(config.api_url, config.api_password) as client:
        await answering(client)
    process = MediaMTXProcess(mediamtx_binary, config, tmp_path / "m")
    assert not await process.adopt(left.pid)
    assert await asyncio.wait_for(left.wait(), 30) is not None
