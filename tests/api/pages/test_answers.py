"""HTTP statuses of the errors on our own pages."""

from __future__ import annotations

import pytest

from api.pages.answers import status_of
from control_plane.base.errors import ControlPlaneError, ErrorKind


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (ErrorKind.REFUSED, 403),
        (ErrorKind.FORBIDDEN, 403),
        (ErrorKind.MALFORMED, 400),
        (ErrorKind.NOT_SIGNED_IN, 401),
        (ErrorKind.NOT_FOUND, 404),
        (ErrorKind.TOO_OFTEN, 429),
        (ErrorKind.UNAVAILABLE, 503),
    ],
)
def test_a_page_answers_with_the_status_of_the_kind(kind: ErrorKind, status: int) -> None:
    error = type("Example", (ControlPlaneError,), {"kind": kind})("That did not work.")
    assert status_of(error) == status
