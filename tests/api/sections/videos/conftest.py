from __future__ import annotations

import pytest

from control_plane.base.ids import UserId
from control_plane.videos.video import VideoId
from tests.api.sections.apps import Apps
from tests.control_plane.people import new_user
from tests.control_plane.videos.rows import ADD_VIDEO
from tests.control_plane.videos.samples import Samples


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Samples:
    return Samples(tmp_path_factory.mktemp("videos"))


@pytest.fixture
async def bob(apps: Apps) -> UserId:
    return await new_user(apps.database, "bob")


@pytest.fixture
async def video(apps: Apps, bob: UserId) -> VideoId:
    """Of Bob."""
    return VideoId(await apps.database.fetchval(ADD_VIDEO, bob))
