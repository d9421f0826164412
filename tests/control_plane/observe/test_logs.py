"""What the log contains, and what it never contains."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextvars import copy_context

import pytest
from aiohttp.http_exceptions import BadStatusLine

from control_plane.observe import logs


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    root, server = logging.getLogger(), logging.getLogger("aiohttp.server")
    handlers, level, filters = root.handlers, root.level, list(server.filters)
    yield capsys
    root.handlers = handlers
    root.setLevel(level)
    server.filters[:] = filters


def fail(token: str) -> None:
    raise ValueError(f"a token of {len(token)} characters")


@pytest.mark.parametrize("format_", ["text", "json"])
def test_a_traceback_tells_where_and_never_with_what(lines: pytest.CaptureFixture[str], format_: str) -> None:
    logs.set_up(format_, "info")
    try:
        fail("s" * 7 + "ecret")
    except ValueError:
        logging.getLogger("a.module").exception("it_broke", extra={"stream": 7})
    written = lines.readouterr().err
    assert "it_broke" in written
    assert "a token of 12 characters" in written
    assert "in fail" in written
    assert "sssssss" not in written
    assert len(written) < 2000


def test_requests_that_are_not_http_are_not_logged(lines: pytest.CaptureFixture[str]) -> None:
    logs.set_up("text", "info")
    server = logging.getLogger("aiohttp.server")
    for error in (BadStatusLine("nonsense"), ConnectionResetError("gone"), ValueError("a bug of ours")):
        try:
            raise error
        except Exception:
            server.exception("Error handling request")
    written = lines.readouterr().err
    assert written.count("Error handling request") == 1
    assert "a bug of ours" in written


def test_a_line_has_the_id_of_the_request_whose_task_wrote_it(lines: pytest.CaptureFixture[str]) -> None:
    logs.set_up("json", "info")

    def in_a_request() -> None:
        logs.request_id.set("a1b2")
        logging.getLogger("a.module").info("inside")

    copy_context().run(in_a_request)
    logging.getLogger("a.module").info("outside")
    inside, outside = map(json.loads, lines.readouterr().err.splitlines())
    assert (inside["event"], inside["request"]) == ("inside", "a1b2")
    assert "request" not in outside
