from __future__ import annotations

import os
from pathlib import Path

from mediamtx.errors import MediaMTXNotStarted, PortTaken
from mediamtx.node import log as server_log
from mediamtx.node.log import ServerLog

LISTENERS = {("tcp", 8889): "webrtc_port", ("udp", 8889): "webrtc_udp_port"}


def log_of(tmp_path: Path, text: str) -> ServerLog:
    log = ServerLog(tmp_path / "mediamtx.log")
    with log.open() as file:
        file.write(text.encode())
    return log


def test_a_taken_port_is_told_by_protocol_and_number(tmp_path: Path) -> None:
    log = log_of(tmp_path, "ERR listen udp 127.0.0.1:8889: bind: address already in use\n")
    failure = log.failure("ended", 0, LISTENERS)
    assert isinstance(failure, PortTaken)
    assert failure.port_name == "webrtc_udp_port"


def test_what_an_earlier_start_said_is_no_reason(tmp_path: Path) -> None:
    log = log_of(tmp_path, "ERR listen tcp 127.0.0.1:8889: bind: address already in use\n")
    since_bytes = log.size_bytes
    with log.open() as file:
        file.write(b"one\ntwo\nthree\nfour\n")
    assert str(log.failure("ended", since_bytes, LISTENERS)) == "MediaMTX ended; it said: two | three | four"


def test_silence_is_told_as_such(tmp_path: Path) -> None:
    failure = ServerLog(tmp_path / "none").failure("ended", 0, LISTENERS)
    assert type(failure) is MediaMTXNotStarted
    assert str(failure) == "MediaMTX ended and said nothing"


def test_a_large_log_is_cut_while_the_server_goes_on_writing(tmp_path: Path) -> None:
    log = ServerLog(tmp_path / "mediamtx.log")
    with log.open() as server:
        server.write(b"early\n")
        os.truncate(log.path, server_log.BYTES_MAX + 1)
        log.trim()
        server.write(b"late\n")
    assert log.path.read_bytes() == b"late\n"
    assert (tmp_path / "mediamtx.log.1").read_bytes().startswith(b"early\n")


def test_a_small_log_is_left_alone(tmp_path: Path) -> None:
    log = log_of(tmp_path, "early\n")
    log.trim()
    assert log.path.read_text() == "early\n"
