from __future__ import annotations

from pathlib import Path

import pytest

from tests.stagedoor.cli.operator import Operator


@pytest.fixture
def operator(dsn: str, tmp_path: Path) -> Operator:
    return Operator(dsn, tmp_path)
