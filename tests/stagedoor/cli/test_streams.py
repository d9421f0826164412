"""`stagedoor stream`. The commands on a running server are tested in `end_to_end/test_operators.py`."""

from __future__ import annotations

import pytest

from control_plane.streams.model import StreamNotFound
from stagedoor.cli.streams import age
from tests.stagedoor.cli.operator import Operator


@pytest.mark.parametrize("command", ["end", "rotate", "revoke", "ban"])
async def test_a_stream_that_does_not_exist_is_named(operator: Operator, command: str) -> None:
    for unknown in ("0", str(2**31), str(10**30)):
        with pytest.raises(StreamNotFound, match=f"There is no stream {unknown}."):
            await operator.types("stream", command, unknown)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (119, "119 s"), (1067, "17 min"), (7300, "2 h"), (200_000, "2 days")]
)
def test_an_age_is_in_its_largest_unit(seconds: float, words: str) -> None:
    assert age(seconds) == words
