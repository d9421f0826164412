"""Children of a `stagedoor run` that root started: none is root, and none can read files other than its own."""

from __future__ import annotations

import asyncio
import os
import resource
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from control_plane.base import child
from control_plane.base.child import Account, Kind, Limits, account_for
from control_plane.db.embedded.programs import unprivileged_account
from ffmpeg_fixtures.publisher import Picture, Publisher
from tests.end_to_end.platform import Stagedoor, local
from tests.end_to_end.test_probing import plays, probe_of, thumbnail_size
from tests.waiting import until

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root's children are other users"),
]

ALLOWED = {
    *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH"),
    *("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"),
    *("GOMEMLIMIT", "GOGC", "GODEBUG", "GOMAXPROCS"),
}


async def test_no_child_of_root_is_root_or_reads_what_is_not_its_own(stopped: Stagedoor) -> None:
    earlier = stopped.data_dir / "mediamtx"  # as an earlier release left it, all of it root's
    (earlier / "conf").mkdir(parents=True)
    for file in (earlier / "conf" / "mediamtx.yml", earlier / "hook"):
        file.write_text("an old secret")
    for folder in (stopped.data_dir, stopped.data_dir.parent):
        folder.chmod(0o755)  # as an operator may have it, who lets another server serve the videos
    stopped.set(probe_interval_s="1", metrics_token="a-token-that-no-child-needs")
    await stopped.start()
    host = await stopped.sign_in("ada")
    stream = await stopped.go_live(host)
    async with Publisher(local(stream["rtmp_url"]), Picture(640, 360)):
        await until(lambda: plays(stopped, host, stream), 30, what="playing")
        assert await thumbnail_size(stopped, stream) == (360, 202)
        probe = await limited_probe_of(stopped)
        launcher = probe.parent()
        assert launcher is not None
        media_server, postgres = (psutil.Process(stopped.run["pids"][part]) for part in ("mediamtx", "postgres"))

        media, worker, database = account_for(Kind.MEDIA_SERVER), account_for(Kind.WORKER), unprivileged_account()
        for process, account in (
            *((media_server, media), (launcher, worker), (probe, worker)),
            *((process, database) for process in (postgres, *postgres.children())),
        ):
            is_account(process, account)
        assert stopped.process is not None
        unknown = {p.pid for p in psutil.Process(stopped.process.pid).children(recursive=True)}
        unknown -= {media_server.pid, launcher.pid, probe.pid, postgres.pid, *(p.pid for p in postgres.children())}
        unknown -= {p.pid for p in launcher.children()}
        assert all(0 not in psutil.Process(pid).uids() for pid in unknown), "no other child is root either"

        for process in (probe, launcher):
            limits = limits_of(process)
            assert limits["Max data size"] == str(2 << 30)
            assert limits["Max open files"] == "256"
        assert limits_of(probe)["Max cpu time"].isdecimal()
        limits = limits_of(media_server)
        assert limits["Max data size"] == limits["Max address space"] == "unlimited"
        ours = resource.getrlimit(resource.RLIMIT_NOFILE)[1]  # that root may raise it is not so in every container
        assert int(limits["Max open files"]) >= min(65_536, ours)
        assert int(media_server.environ()["GOMEMLIMIT"]) > 0

        config = Path(media_server.cmdline()[-1])
        assert await reads(media, config)
        closed = [*(stopped.data_dir / name for name in ("secrets.json", "run.json", "lock", "postgres.log"))]
        closed += [stopped.data_dir / "mediamtx" / "mediamtx.log"]
        theirs = [(stopped.data_dir / "postgres").resolve() / "cluster" / "PG_VERSION"]
        for file in closed + theirs:
            assert file.is_file(), file
            assert not await reads(media, file), file
            assert not await reads(worker, file), file
        for account in (worker, database):
            assert not await reads(account, config)
            assert not await reads(account, config.parent.parent / "hook")
        probe.resume()
    assert (earlier / "hook").is_symlink()
    assert (earlier / "conf").is_symlink()
    assert await stopped.stop() == 0
    assert stopped.processes() == []


async def limited_probe_of(platform: Stagedoor) -> psutil.Process:
    """A suspended probe that has already set its limits."""
    while True:
        probe = await probe_of(platform)
        with suppress(psutil.NoSuchProcess, OSError, KeyError):
            while not limits_of(probe)["Max cpu time"].isdecimal():  # noqa: ASYNC110  it is the process that changes
                await asyncio.sleep(0.01)
            probe.suspend()
            return probe


def is_account(process: psutil.Process, account: Account | None) -> None:
    assert account is not None
    status = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
    assert status["Uid"].split() == [str(account.uid)] * 4, process
    assert status["Gid"].split() == [str(account.gid)] * 4
    assert status["Groups"].split() == []
    assert status["NoNewPrivs"].split() == ["1"]
    assert limits_of(process)["Max core file size"] == "0"
    if process.name() != "postgres":  # it writes its title over its environment
        assert set(process.environ()) <= ALLOWED, process
    assert "a-token-that-no-child-needs" not in Path(f"/proc/{process.pid}/environ").read_text(errors="replace")


def limits_of(process: psutil.Process) -> dict[str, str]:
    table = Path(f"/proc/{process.pid}/limits").read_text().splitlines()[1:]
    return {line[:25].strip(): line[25:].split()[1] for line in table}


async def reads(account: Account | None, file: Path) -> bool:
    cat = await asyncio.create_subprocess_exec(
        *child.command(["/bin/cat", file], account, Limits()),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await asyncio.wait_for(cat.wait(), 10) == 0
