"""A frame of a socket, as the AsyncAPI document describes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec


class Frame(NamedTuple):
    name: str
    model: type[msgspec.Struct]
    summary: str
    answers: Sequence[str] = ()
    is_event: bool = False
    """The frame is an event, and the model describes its `data`."""
    examples: Sequence[msgspec.Struct] = ()
