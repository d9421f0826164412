"""registerUser: what its body may hold."""

from __future__ import annotations

import pytest

from api.contract.request import MalformedRequest, parse
from api.sections.auth.register import RegisterUser
from control_plane.accounts.providers.id_tokens import LONGEST_TOKEN


def test_an_id_token_with_many_claims_is_accepted() -> None:
    """Firebase's hold up to 1000 bytes of claims of the project, Facebook's name the friends who use the app."""
    assert len(parse(RegisterUser, {"auth_token": "t" * LONGEST_TOKEN}).auth_token) == LONGEST_TOKEN
    with pytest.raises(MalformedRequest, match="auth_token may have at most"):
        parse(RegisterUser, {"auth_token": "t" * (LONGEST_TOKEN + 1)})
