"""The bearer token of a request."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from api.http.bearer import bearer_token


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("BEARER a b", "a b"),
        ("Bearer", ""),
        ("Basic abc", None),
        ("abc", None),
        ("", None),
        (None, None),
    ],
)
def test_only_the_bearer_scheme_has_a_token(header: str | None, token: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    assert bearer_token(make_mocked_request("GET", "/", headers=headers)) == token
