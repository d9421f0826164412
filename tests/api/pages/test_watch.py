"""`/watch/{id}`: which streams are served from memory."""

from __future__ import annotations

import pytest

from api.pages.watch import if_public
from control_plane.streams.model import Visibility
from tests.control_plane.streams.samples import stream


@pytest.mark.parametrize("visibility", list(Visibility))
def test_only_a_public_stream_is_shown_from_memory(visibility: Visibility) -> None:
    """The time of an answer must not show whether a stream that is not public is live."""
    running = stream(visibility=visibility)
    assert if_public(running) is (running if visibility is Visibility.PUBLIC else None)
    assert if_public(None) is None
