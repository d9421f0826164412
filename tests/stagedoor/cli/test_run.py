"""Standard error of `stagedoor run`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

STAGEDOOR = Path(sys.executable).with_name("stagedoor")


@pytest.mark.timeout(90)
def test_with_json_logs_every_line_of_standard_error_is_json(tmp_path: Path) -> None:
    """Also those of a start that fails: here the database's name leads nowhere."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LIVE_")}
    settings = {
        "LIVE_DEV": "1",
        "LIVE_LOG_FORMAT": "json",
        "LIVE_DATA_DIR": str(tmp_path / "data"),
        "LIVE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nowhere",
        **{
            f"LIVE_{port}_PORT": "0"
            for port in ("HTTP", "RTMP", "HLS", "WEBRTC", "WEBRTC_UDP", "SRT", "MEDIAMTX_API", "HOOKS")
        },
    }
    done = subprocess.run(
        [STAGEDOOR, "run"], env=environ | settings, capture_output=True, text=True, timeout=80, check=False
    )
    events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert done.returncode == 1
    assert {"development_mode", "start_failed"} <= set(events)


def test_the_version_is_told() -> None:
    done = subprocess.run([STAGEDOOR, "--version"], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == f"stagedoor {metadata.version('stagedoor')}\n"
