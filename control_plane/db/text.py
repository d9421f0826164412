"""Which texts PostgreSQL can hold."""

from __future__ import annotations

import re
from typing import Any

_NOT_STORABLE = re.compile("[\0\ud800-\udfff]")


def is_storable(content: Any) -> bool:
    """Whether PostgreSQL can hold every text of a JSON value: it refuses NUL and halves of surrogate pairs, which JSON
    can express."""
    waiting = [content]
    while waiting:  # without recursion: JSON from outside can be nested deeply
        match waiting.pop():
            case str(text) if _NOT_STORABLE.search(text):
                return False
            case dict(entries):
                waiting += [*entries, *entries.values()]
            case list(entries):
                waiting += entries
    return True
