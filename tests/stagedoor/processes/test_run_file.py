"""`run.json`, for scripts and the next start."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from control_plane.config.ports import NAMES, Ports
from stagedoor.processes.run_file import Run, RunFile

PORTS = Ports(*range(9001, 9001 + len(NAMES)))
RUN = Run(
    PORTS,
    {"control_plane": 11, "mediamtx": 12, "postgres": None},
    {"ios": "key-of-ios"},
    dev=True,
    signing={"session": "k"},
)
WRITTEN = {
    "http_port": 9001,
    "rtmp_port": 9002,
    "hls_port": 9003,
    "webrtc_port": 9004,
    "webrtc_udp_port": 9005,
    "srt_port": 9006,
    "mediamtx_api_port": 9007,
    "hooks_port": 9008,
    "pids": {"control_plane": 11, "mediamtx": 12, "postgres": None},
    "api_keys": {"ios": "key-of-ios"},
    "dev": True,
    "signing": {"session": "k"},
}


@pytest.fixture
def run_file(tmp_path: Path) -> RunFile:
    return RunFile(tmp_path)


@pytest.fixture
def careless_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("careless_umask")
def test_it_holds_ports_pids_and_keys_and_is_readable_by_us_alone(run_file: RunFile) -> None:
    run_file.write(RUN)
    assert run_file.path.name == "run.json"
    assert json.loads(run_file.path.read_text()) == WRITTEN
    assert run_file.path.stat().st_mode & 0o777 == 0o600
    assert list(run_file.path.parent.iterdir()) == [run_file.path]


def test_a_later_state_replaces_the_earlier(run_file: RunFile) -> None:
    run_file.write(Run(pids={"mediamtx": 1}))
    run_file.write(RUN)
    assert json.loads(run_file.path.read_text()) == WRITTEN


def test_the_keys_are_not_in_the_repr() -> None:
    assert "key-of-ios" not in repr(RUN)


def test_the_next_start_finds_what_a_killed_one_left_behind(run_file: RunFile) -> None:
    run_file.write(RUN)
    assert run_file.left_behind() == ({name: WRITTEN[name] for name in NAMES}, 12)


def test_a_clean_stop_leaves_nothing_behind(run_file: RunFile) -> None:
    run_file.write(RUN)
    run_file.remove()
    run_file.remove()
    assert run_file.left_behind() == ({}, None)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        json.dumps({**WRITTEN, "pids": {}}),
        json.dumps({**WRITTEN, "pids": None}),
        json.dumps({**WRITTEN, "http_port": "eighty"}),
        json.dumps({**WRITTEN, "http_port": None}),
        json.dumps({name: value for name, value in WRITTEN.items() if name != "hooks_port"}),
    ],
)
def test_a_damaged_file_counts_as_none(run_file: RunFile, content: Any) -> None:
    run_file.path.write_text(content)
    assert run_file.left_behind() == ({}, None)


def test_it_tells_how_the_server_was_started(run_file: RunFile) -> None:
    assert run_file.mode() == (False, {})
    run_file.write(RUN)
    assert run_file.mode() == (True, {"session": "k"})
    run_file.path.write_text(json.dumps({**WRITTEN, "signing": None}))
    assert run_file.mode() == (False, {})


def test_a_run_without_a_media_server_of_ours_leaves_only_ports(run_file: RunFile) -> None:
    run_file.write(Run(PORTS, {"control_plane": 11, "mediamtx": None, "postgres": None}))
    assert run_file.left_behind() == ({name: WRITTEN[name] for name in NAMES}, None)
