"""What `stagedoor run` prints when it is ready."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console

from control_plane.config.settings import Settings
from stagedoor.cli.console import announce
from stagedoor.roles import Started
from tests.api.served import URLS


def printed(stores: Sequence[str]) -> str:
    output = io.StringIO()
    announce(Console(file=output, width=200), Started(Settings(), URLS, {}, stores))
    return output.getvalue()


def test_the_start_tells_which_stores_are_connected() -> None:
    assert "apple, stripe" in printed(["apple", "stripe"])
    assert "No store is connected: coins cannot be bought." not in printed(["sandbox"])


def test_the_start_tells_that_no_store_is_connected() -> None:
    assert "No store is connected: coins cannot be bought." in printed([])
