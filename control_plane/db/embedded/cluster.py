"""The cluster: how it comes to be, and how PostgreSQL's programs are run on it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from control_plane.base import child
from control_plane.db.embedded import log
from control_plane.db.embedded.home import Home
from control_plane.db.embedded.postmaster import wait_until
from control_plane.db.embedded.programs import MAJOR, EmbeddedPostgresFailed

USER = "stagedoor"

_INITDB_DEADLINE_S = 60.0
_CTYPES = ("C.UTF-8", "en_US.UTF-8", "C")
"""Order is by bytes everywhere; what a letter is comes from the first of these that the machine knows."""

_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}  # ours may hold secrets


def is_made(home: Home) -> bool:
    """Raises EmbeddedPostgresFailed when our PostgreSQL cannot open what is there."""
    if not home.cluster.exists():
        return False
    try:
        major = (home.cluster / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise EmbeddedPostgresFailed(
            f"The database in {home.cluster} is damaged: it has no PG_VERSION. Restore it from a backup, or move it away to begin"
            " with an empty one."
        ) from None
    if major != str(MAJOR):
        raise EmbeddedPostgresFailed(
            f"The database in {home.cluster} was made by PostgreSQL {major[:20]}, and this release brings PostgreSQL {MAJOR}: use"
            " the release that made it, or choose another LIVE_DATA_DIR."
        )
    return True


async def make_cluster(home: Home, programs: Path, settings: Mapping[str, str]) -> None:
    """It gets its name when it is complete; what a killed attempt left is swept away by the next."""
    for attempt in home.path.glob("new-*"):
        shutil.rmtree(attempt, ignore_errors=True)
    new = home.path / f"new-{os.getpid()}"
    command = [
        *(str(programs / "initdb"), "--pgdata", str(new), "--username", USER, "--auth", "trust"),
        *("--encoding", "UTF8", "--locale", "C", "--data-checksums", "--no-instructions"),
        *(("--no-sync",) if settings.get("fsync") == "off" else ()),
    ]
    for ctype in _CTYPES:
        since_bytes = log.size_bytes(home.log)
        if await _run(home, [*command, f"--lc-ctype={ctype}"]) == 0:
            break
        failure = log.failure("PostgreSQL could not make its database", home.log, since_bytes)
        if "invalid locale name" not in str(failure):
            raise failure
    new.rename(home.cluster)
    folder = os.open(home.path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


async def _run(home: Home, command: Sequence[str]) -> int:
    process = spawn(home, command)
    try:
        await wait_until(lambda: process.poll() is not None, _INITDB_DEADLINE_S)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return process.returncode


def spawn(home: Home, command: Sequence[str]) -> subprocess.Popen[bytes]:
    """A child out of reach of the terminal's Ctrl-C, writing to the log. Not asyncio's: it belongs to no event loop. Ask it by `poll()`."""
    with open(os.open(home.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as output:
        return subprocess.Popen(
            child.command(command, home.account, child.Limits()),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=home.path,
            env=_ENVIRONMENT,
            start_new_session=True,
        )
