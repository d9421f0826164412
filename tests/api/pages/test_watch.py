"""`/watch/{id}`: where it looks for the stream."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from api.pages.watch import WatchPage
from control_plane.streams import store
from control_plane.streams.model import Visibility


@pytest.mark.parametrize("visibility", list(Visibility))
async def test_only_a_public_stream_is_shown_from_memory(
    visibility: Visibility, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How long the answer takes must not tell a stranger whether a stream that is not public is on."""
    read: list[int] = []

    async def get(database: object, stream_id: int) -> None:
        read.append(stream_id)

    monkeypatch.setattr(store, "get", get)
    running = {7: SimpleNamespace(visibility=visibility)}
    platform: Any = SimpleNamespace(running=running, database=None)
    nothing: Any = None
    page = WatchPage(platform, nothing, nothing, lambda _: "")
    for stream_id in ("7", "8"):
        await page._stream(stream_id)
    assert read == ([8] if visibility is Visibility.PUBLIC else [7, 8])
