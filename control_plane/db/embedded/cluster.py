"""The database cluster: created with initdb, and the PostgreSQL programs that run on it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from control_plane.base import child, private_file
from control_plane.db.embedded import log
from control_plane.db.embedded.home import Home
from control_plane.db.embedded.postmaster import wait_until
from control_plane.db.embedded.programs import MAJOR, EmbeddedPostgresFailed
from control_plane.db.embedded.roles import SUPERUSER

_INITDB_DEADLINE_S = 60.0
_CTYPES = ("C.UTF-8", "en_US.UTF-8", "C")
"""Candidates for LC_CTYPE, which classifies letters; the first that the machine supports is used. Collation is always
by bytes."""

_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath}  # our own environment may hold secrets


def is_made(home: Home) -> bool:
    """Whether the cluster exists. Raises EmbeddedPostgresFailed when it is damaged or of another PostgreSQL version."""
    if not home.cluster.exists():
        return False
    try:
        major = (home.cluster / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        raise EmbeddedPostgresFailed(
            f"The database in {home.cluster} is damaged: it has no PG_VERSION. Restore it from a backup, or move it "
            "away to start with an empty one."
        ) from None
    if major != str(MAJOR):
        raise EmbeddedPostgresFailed(
            f"The database in {home.cluster} was made by PostgreSQL {major[:20]}, and this release brings PostgreSQL "
            f"{MAJOR}: use the release that made it, or set LIVE_DATA_DIR to another directory."
        )
    return True


async def make_cluster(home: Home, programs: Path, settings: Mapping[str, str]) -> None:
    """Create the cluster. It is renamed into place when it is complete; the next attempt removes leftovers of a killed
    one.

    Raises EmbeddedPostgresFailed.
    """
    for attempt in home.path.glob("new-*"):
        shutil.rmtree(attempt, ignore_errors=True)
    new = home.path / f"new-{os.getpid()}"
    command = [
        *(str(programs / "initdb"), "--pgdata", str(new), "--username", SUPERUSER, "--auth", "trust"),
        *("--encoding", "UTF8", "--locale", "C", "--data-checksums", "--no-instructions"),
        *(("--no-sync",) if settings.get("fsync") == "off" else ()),
    ]
    for ctype in _CTYPES:
        since_bytes = log.size_bytes(home.log)
        if await _run(home, [*command, f"--lc-ctype={ctype}"]) == 0:
            break
        failure = log.failure("PostgreSQL could not create its database", home.log, since_bytes)
        if "invalid locale name" not in str(failure):
            raise failure
    new.rename(home.cluster)
    private_file.sync_folder(home.path)


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
    """Start a child in its own session, so that Ctrl-C in the terminal does not reach it. Its output goes to the log.

    It is not an asyncio child and belongs to no event loop: check it with `poll()`.
    """
    with private_file.append(home.log) as output:
        return subprocess.Popen(
            child.command(command, home.account, child.Limits()),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=home.path,
            env=_ENVIRONMENT,
            start_new_session=True,
        )
