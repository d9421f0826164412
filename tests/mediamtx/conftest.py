from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mediamtx.obtain.binary import obtain
from tests.mediamtx.obtain.release_site import ReleaseSite, serving
from tests.mediamtx.rig import Listener, Rig, listening, running


@pytest.fixture(scope="session")
def mediamtx_binary() -> Path:
    """The executable from the user's cache; obtained the first time."""
    return obtain(progress=print)


@pytest.fixture(autouse=True)
def homes(tmp_path: Path) -> Iterator[None]:
    """Remove MediaMTX's files after the test: under root they are outside the test's folder."""
    yield
    for conf in tmp_path.rglob("conf"):
        if conf.is_symlink():
            shutil.rmtree(conf.resolve().parent)


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    async with listening() as listener:
        yield listener


@pytest.fixture
async def rig(mediamtx_binary: Path, tmp_path: Path) -> AsyncIterator[Rig]:
    async with running(mediamtx_binary, tmp_path) as rig:
        yield rig


@pytest.fixture
def release_site(tmp_path: Path) -> Iterator[ReleaseSite]:
    with serving(tmp_path / "site") as site:
        yield site
