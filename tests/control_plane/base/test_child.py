"""Limits of child processes, with real processes, as root where that makes a difference."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import psutil
import pytest

from control_plane.base import child, child_start
from control_plane.base.child import Account, Kind, Limits, account_for
from control_plane.db.embedded.programs import unprivileged_account
from tests.waiting import until

AS_ROOT = os.geteuid() == 0
only_root = pytest.mark.skipif(not AS_ROOT, reason="only root can become another user")
LIMITS = Limits(memory_bytes=1 << 30, cpu_s=77, open_files=123)


def run(*argv: str | Path, account: Account | None, limits: Limits = LIMITS) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        child.command(argv, account, limits), env=child.environment(account), cwd="/", capture_output=True, text=True, timeout=30
    )  # fmt: skip


@pytest.mark.parametrize("kind", list(Kind))
def test_it_is_another_user_with_no_groups_and_no_way_back(kind: Kind) -> None:
    account = account_for(kind)
    status = dict(
        line.split(":", 1) for line in run("/bin/cat", "/proc/self/status", account=account).stdout.splitlines()
    )
    assert status["NoNewPrivs"].split() == ["1"]
    uid, gid = (account.uid, account.gid) if account else (os.geteuid(), os.getegid())
    assert status["Uid"].split() == [str(uid)] * 4
    assert status["Gid"].split() == [str(gid)] * 4
    if account:
        assert uid != 0
        assert status["Groups"].split() == []
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0


@only_root
def test_each_kind_has_a_user_of_its_own() -> None:
    accounts = [account_for(Kind.MEDIA_SERVER), account_for(Kind.WORKER), unprivileged_account()]
    assert len({account.uid for account in accounts if account}) == len(accounts)


def test_its_limits_are_in_force() -> None:
    table = run("/bin/cat", "/proc/self/limits", account=account_for(Kind.WORKER)).stdout
    limits = {line[:25].strip(): line[25:].split()[:2] for line in table.splitlines()[1:]}
    assert limits["Max core file size"] == ["0", "0"]
    assert limits["Max data size"] == [str(1 << 30)] * 2
    assert limits["Max cpu time"] == ["70", "77"]
    assert limits["Max open files"] == ["123", "123"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not count mapped memory")
@pytest.mark.parametrize(("megabytes", "works"), [(100, True), (2000, False)])
def test_more_memory_than_its_limit_is_refused(megabytes: int, works: bool) -> None:
    done = run(sys.executable, "-c", f"bytearray({megabytes} << 20)", account=None)
    assert (done.returncode == 0) is works
    assert works or "MemoryError" in done.stderr


def test_it_sees_none_of_our_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVE_DATABASE_URL", "postgresql://user:secret@db/live")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("GOGC", "90")
    for account in (None, Account("somebody", 60_999, 60_999)):
        environment = child.environment(account, "GOGC")
        assert environment["GOGC"] == "90"
        assert set(environment) <= {"PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ", "GOGC", "LD_LIBRARY_PATH"}


@pytest.mark.parametrize("argv", [("/nowhere/program",), ("/etc/passwd",)])
def test_a_program_that_cannot_be_run_is_named(argv: tuple[str, ...]) -> None:
    done = run(*argv, account=account_for(Kind.WORKER))
    assert done.returncode == 127
    assert done.stderr.startswith(argv[0])


@only_root
def test_a_program_in_a_closed_folder_is_copied_once_to_where_its_user_can_run_it(tmp_path: Path) -> None:
    account = account_for(Kind.WORKER)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    program = closed / "stagedoor-test-program"
    program.write_text("#!/bin/sh\nid -u\n")
    program.chmod(0o700)
    copy = child.runnable(program, account)
    try:
        assert account is not None
        assert run(program, account=account).returncode == 127
        assert run(copy, account=account).stdout.split() == [str(account.uid)]
        assert child.runnable(program, account) == copy
        program.write_text("#!/bin/sh\necho another\n")
        another = child.runnable(program, account)
        assert another != copy
        another.unlink()
    finally:
        copy.unlink()
    assert child.runnable(Path("/bin/cat"), account) == Path("/bin/cat")
    assert child.runnable(program, None) == program


def test_what_a_child_wrote_is_taken_but_no_link_to_a_file_of_ours(tmp_path: Path) -> None:
    secret, target = tmp_path / "secrets.json", tmp_path / "taken"
    secret.write_text("secret")
    (tmp_path / "written").write_text("picture")
    child.take(tmp_path / "written", target)
    assert target.read_text() == "picture"
    (tmp_path / "symbolic").symlink_to(secret)
    (tmp_path / "hard").hardlink_to(secret)
    os.mkfifo(tmp_path / "pipe")
    for link in ("symbolic", "hard", "pipe"):
        with pytest.raises(OSError, match=r"symbolic links|single link"):
            child.take(tmp_path / link, target)
    assert target.read_text() == "picture"


@only_root
def test_where_every_user_id_is_taken_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_UIDS", range(2))  # root and the next, which every system has
    account_for.cache_clear()
    try:
        with pytest.raises(child.NoUnprivilegedUser, match="a user other than root"):
            account_for(Kind.MEDIA_SERVER)
    finally:
        account_for.cache_clear()


# ── a bounded run ──


async def test_it_ends_with_its_status_and_the_end_of_what_it_wrote() -> None:
    script = "head -c 1000000 /dev/zero | tr '\\0' x; echo out; echo err >&2; exit 3"
    status, written = await child.run(["/bin/sh", "-c", script], account_for(Kind.WORKER), LIMITS, 30)
    assert status == 3
    assert written.endswith(b"xxout\nerr\n")
    assert len(written) == child.TAIL_BYTES


@pytest.mark.parametrize("then", ["wait", "exit 0"])
async def test_at_its_deadline_it_is_killed_with_its_own_children(tmp_path: Path, then: str) -> None:
    """Also with those that outlive it."""
    pids = tmp_path / "pids"
    script = f"sleep 60 & echo $! $$ > {pids}; {then}"
    with pytest.raises(TimeoutError):
        await child.run(["/bin/sh", "-c", script], None, LIMITS, 3)
    for pid in map(int, pids.read_text().split()):
        await until(lambda pid=pid: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)  # type: ignore[misc]


async def test_it_is_killed_with_its_own_children_when_the_caller_is_cancelled(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 60 & echo $! $$ > {pids}; wait"
    running = asyncio.create_task(child.run(["/bin/sh", "-c", script], None, LIMITS, 30))
    await until(lambda: pids.exists() and pids.read_text().endswith("\n"))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    for pid in map(int, pids.read_text().split()):
        await until(lambda pid=pid: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)  # type: ignore[misc]


async def test_it_is_killed_when_its_output_is_refused() -> None:
    processes: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        # After its output it sleeps: a child that writes on may end by SIGPIPE before it is killed.
        command = ["/bin/sh", "-c", "echo; exec sleep 60"]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True))
        return processes[0]

    def refuse(output: IO[bytes]) -> bytes:
        raise ValueError(len(output.read(1)))

    with pytest.raises(ValueError, match="1"):
        await child.finished(start, refuse, 30)
    assert processes[0].returncode == -signal.SIGKILL


async def test_it_gives_way_with_its_session_and_leaves_ours_alone() -> None:
    ours = Path(child_start.AUTOGROUP).read_text() if Path(child_start.AUTOGROUP).exists() else ""
    look = f"import os; print(os.nice(0)); print(open('{child_start.AUTOGROUP}').read() if {bool(ours)} else '')"
    for nice in (0, 7):
        status, written = await child.run([sys.executable, "-c", look], None, Limits(nice=nice), 30)
        assert status == 0
        niceness, _, session = written.decode().partition("\n")
        assert int(niceness) == os.nice(0) + nice
        assert not nice or not ours or session.strip().endswith(f"nice {nice}")
    assert not ours or Path(child_start.AUTOGROUP).read_text() == ours


def test_only_scratch_folders_that_no_process_uses_are_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever their age: a child may run for hours."""
    monkeypatch.setattr(child, "ROOTS_STATE", tmp_path)
    account = Account("ours", os.geteuid(), os.getegid())
    left_behind = child.scratch_place(tmp_path, account) / "left-behind"
    left_behind.mkdir(parents=True)
    with child.scratch(tmp_path, account, "used-") as used:
        for folder in (used, left_behind):
            os.utime(folder, (0, 0))
        with child.scratch(tmp_path, account, "new-") as new:
            assert {used, new} == set(used.parent.iterdir())
    assert list(used.parent.iterdir()) == []
