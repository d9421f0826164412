from __future__ import annotations

import pytest

from api.http.local_path import LONGEST_PATH, local_path


@pytest.mark.parametrize("path", ["/", "/watch/7?low=1#top", "/@ann ä"])
def test_paths_of_ours_stay(path: str) -> None:
    assert local_path(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "watch",
        "//evil.example.com",
        "/\\evil.example.com",
        "/a\\b",
        "https://evil.example.com",
        "/\n/x",
        "/" * 2 + "x",
    ],
)
def test_other_sites_become_the_home_page(path: str) -> None:
    assert local_path(path) == "/"
    assert local_path("/" + "x" * LONGEST_PATH) == "/"
