"""`stagedoor run` that stops at one step of its work on a video, until it is killed or a file is deleted:
`python -m tests.end_to_end.stopping <file> <step>`. It writes the file at the step.

Jobs of a killed server, and those that have failed, are tried again earlier than in the product.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import control_plane.jobs.kind
from control_plane.jobs.worker import Worker
from stagedoor.cli import main
from tests.control_plane.videos.processing.stops import stop_at
from tests.end_to_end.platform import Stagedoor
from tests.waiting import until

LEASES = 20


def stopping(platform: Stagedoor, step: str = "") -> Path:
    """Let the next start stop at the step. Returns the file that tells of it."""
    reached = platform.data_dir.parent / "reached"
    platform.program = (sys.executable, "-m", "tests.end_to_end.stopping", reached, step)
    return reached


async def kill(platform: Stagedoor, killed: str, reached: Path) -> None:
    """Kill the database or the whole server once it has stopped, and wait until it is ready again."""
    await until(reached.exists, 60, what="the step")
    if killed == "server":
        await platform.kill()
        reached.unlink()
        stopping(platform)
        await platform.start()
    else:
        pid = platform.run["pids"]["postgres"]
        os.kill(pid, signal.SIGKILL)
        reached.unlink()  # it goes on without a database
        await until(lambda: platform.run["pids"]["postgres"] not in (None, pid), what="another PostgreSQL")

        async def is_ready() -> bool:
            """Also for calls at once: each lease of a connection that has died fails once."""
            return {200} == set(await asyncio.gather(*(platform.readiness() for _ in range(LEASES))))

        await until(is_ready, what="the database")


def _run(reached: Path, step: str) -> None:
    async def stop() -> None:
        reached.touch()
        while reached.exists():  # noqa: ASYNC110  another process deletes it
            await asyncio.sleep(0.01)

    if step:
        stop_at(step, stop)
    defaults = Worker.__init__.__kwdefaults__
    assert defaults is not None
    defaults |= {"lost_after_s": 2.0, "poll_s": 0.2}
    control_plane.jobs.kind.FIRST_RETRY_S = 0.5
    sys.argv = ["stagedoor", "run"]
    main()


if __name__ == "__main__":
    _run(Path(sys.argv[1]), sys.argv[2])
