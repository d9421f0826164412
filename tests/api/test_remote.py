"""Whose request it is, behind proxies."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from api.remote import client_address


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        ([], "10.0.0.1"),
        (["203.0.113.9"], "203.0.113.9"),
        (["203.0.113.9, 10.0.0.7"], "203.0.113.9"),
        (["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        (["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
        (["6.6.6.6", "203.0.113.9", "10.0.0.7"], "203.0.113.9"),
        (["10.0.0.7"], "10.0.0.7"),
    ],
)
def test_behind_trusted_proxies_it_is_the_last_that_is_none_of_them(lines: list[str], address: str) -> None:
    headers = CIMultiDict([("X-Forwarded-For", line) for line in lines])
    request = make_mocked_request("GET", "/", headers=headers).clone(remote="10.0.0.1")
    assert client_address(request, ["10.0.0.0/8"]) == address
    assert client_address(request, []) == "10.0.0.1"
