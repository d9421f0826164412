from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ffmpeg_fixtures.clips import generate
from tests.end_to_end.platform import Stagedoor


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample videos, drawn once for all tests."""
    folder = tmp_path_factory.mktemp("samples")
    asyncio.run(generate(folder, lambda _: None))
    return folder


@pytest.fixture
async def stopped(samples: Path) -> AsyncIterator[Stagedoor]:
    """A platform that is not started."""
    with tempfile.TemporaryDirectory(prefix="stagedoor-e2e-") as folder:
        shutil.copytree(samples, Path(folder) / "data" / "media" / "samples")
        async with Stagedoor(Path(folder) / "data") as platform:
            yield platform


@pytest.fixture
async def stagedoor(stopped: Stagedoor) -> Stagedoor:
    """A platform that is ready."""
    await stopped.start()
    return stopped
