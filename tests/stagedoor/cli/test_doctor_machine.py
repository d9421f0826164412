"""The findings of `stagedoor doctor` about the machine."""

from __future__ import annotations

import subprocess
import sys

import pytest

JUDGE = """
import asyncio, resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from stagedoor.cli.doctor.machine import open_files
print(asyncio.run(open_files(None)).state.name)
"""


@pytest.mark.parametrize(("soft", "hard", "state"), [(256, 8192, "OK"), (256, 1024, "WARNING")])
def test_open_files_are_those_that_the_server_would_have(soft: int, hard: int, state: str) -> None:
    judged = subprocess.run(
        [sys.executable, "-c", JUDGE.format(soft=soft, hard=hard)], capture_output=True, text=True, timeout=60
    )
    assert judged.stdout.strip() == state, judged.stderr
