"""The data directory of a platform that ran once in development mode. A copy of it starts in a third of the time of an empty one:
PostgreSQL's cluster, its schema, the demonstration's users and the sample videos are there."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from control_plane.db.embedded.home import home_of, make_home
from control_plane.db.embedded.programs import unprivileged_account
from ffmpeg_fixtures.clips import generate
from tests.end_to_end.platform import Stagedoor
from tests.waiting import run_in_thread

KEPT = ("media", "secrets.json", "incarnation.json", "postgres-owner.pgpass")
"""Of the data directory. MediaMTX's files are written at each start."""


class Template:
    """Folders made by one of the processes that run tests at the same time, and read by all of them."""

    def __init__(self, folder: Path) -> None:
        self._samples = folder / "samples"
        self._data = folder / "data"
        self._cluster = folder / "cluster"

    async def make(self) -> None:
        await generate(self._samples, lambda _: None)
        origin = self._data.with_name("origin")
        self._copy_samples(origin)
        async with Stagedoor(origin) as platform:
            await platform.start()
            assert await platform.stop() == 0
            self._data.mkdir()
            for name in KEPT:
                (origin / name).rename(self._data / name)
            _copy((origin / "postgres").resolve() / "cluster", self._cluster)

    def _copy_samples(self, data_dir: Path) -> None:
        shutil.copytree(self._samples, data_dir / "media" / "samples")

    @asynccontextmanager
    async def stopped(self) -> AsyncIterator[Stagedoor]:
        """A platform with a copy of the data directory."""
        async with _platform() as platform:
            self._copy_to(platform.data_dir)
            yield platform

    @asynccontextmanager
    async def started(self) -> AsyncIterator[Stagedoor]:
        async with self.stopped() as platform:
            await platform.start()
            yield platform

    @asynccontextmanager
    async def empty(self) -> AsyncIterator[Stagedoor]:
        """A platform that has the sample videos and no database."""
        async with _platform() as platform:
            self._copy_samples(platform.data_dir)
            yield platform

    def _copy_to(self, data_dir: Path) -> None:
        _copy(self._data, data_dir)
        home = home_of(data_dir, unprivileged_account())
        make_home(home)
        _copy(self._cluster, home.cluster)
        if home.account is not None:
            home.door.symlink_to(home.path)


def make_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Make the folder if no other process has; wait for the process that is making it."""
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made").exists():
            make(folder)
            (folder / "made").touch()
    return folder


def template_in(folder: Path) -> Template:
    make_once(folder, lambda made: run_in_thread(Template(made).make()))
    return Template(folder)


@asynccontextmanager
async def _platform() -> AsyncIterator[Stagedoor]:
    with tempfile.TemporaryDirectory(prefix="stagedoor-e2e-") as folder:
        async with Stagedoor(Path(folder) / "data") as platform:
            yield platform


def _copy(source: Path, target: Path) -> None:
    """With owners and times, as `shutil` cannot."""
    subprocess.run(["cp", "-a", source, target], check=True, timeout=60)
