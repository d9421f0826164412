"""The path of a stream, and ids in text."""

from __future__ import annotations

import re

import pytest

from control_plane.base.ids import LARGEST_ID, StreamId
from control_plane.streams.media.model import PathName
from control_plane.streams.path import id_of, parse_id, path_of
from mediamtx.node.config import PATH_PATTERN


@pytest.mark.parametrize("number", [1, 7, 10, LARGEST_ID])
def test_a_path_leads_back_to_its_stream(number: int) -> None:
    path = path_of(StreamId(number))
    assert path == f"live/{number}"
    assert id_of(path) == parse_id(str(number)) == number
    assert re.search(PATH_PATTERN.removeprefix("~"), path), "MediaMTX accepts it"


@pytest.mark.parametrize(
    "text", ["", "0", "007", "-1", "+1", "1 ", "1\n", "x", "1x", "１", str(LARGEST_ID + 1), "9" * 5000]
)
def test_any_other_text_is_no_id(text: str) -> None:
    assert parse_id(text) is None
    assert id_of(PathName(f"live/{text}")) is None


@pytest.mark.parametrize(
    "path", ["7", "live7", "LIVE/7", "/live/7", "live/7/", "live/7-opus", "elsewhere/7", "live//7"]
)
def test_other_paths_belong_to_no_stream(path: str) -> None:
    assert id_of(PathName(path)) is None
