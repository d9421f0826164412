"""The finding of `stagedoor doctor` about the bucket."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from control_plane.config.ports import Ports
from control_plane.config.settings import Settings
from control_plane.storage.places import open_storage
from stagedoor.cli.doctor.finding import State
from stagedoor.cli.doctor.installation import Installation
from stagedoor.cli.doctor.storage import bucket
from tests.control_plane.storage.conftest import new_bucket, s3

__all__ = ["s3"]


async def test_a_bucket_is_tried_and_left_empty(s3: str, tmp_path: Path) -> None:
    url = new_bucket(s3)
    settings = Settings(data_dir=tmp_path, storage_url=url)
    at = Installation(settings, False, False, {}, False, Ports.of(settings), None, "")
    finding = await bucket(at)
    assert finding is not None
    assert finding.state is State.OK
    assert [page async for page in open_storage(url, tmp_path).list() if page] == []
    missing = await bucket(replace(at, settings=Settings(storage_url=url.replace("s3://bucket", "s3://nobucket"))))
    assert missing is not None
    assert missing.state is State.BROKEN
    assert "secret" not in missing.text + missing.advice
    assert await bucket(replace(at, settings=Settings())) is None
