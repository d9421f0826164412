"""Types of ids, so that the type checker finds ids that are swapped. Apps see ids as 32-bit integers."""

from __future__ import annotations

import re
from typing import NewType

UserId = NewType("UserId", int)
StreamId = NewType("StreamId", int)
GiftId = NewType("GiftId", int)
JobId = NewType("JobId", int)
"""64 bits: no app sees it."""
Seq = NewType("Seq", int)
"""Sequence number of an event in its stream's log: from 1, without gaps."""

LARGEST_ID = 2**31 - 1
_ID = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)


def id_in(text: str) -> int | None:
    """The id as apps and addresses write it: decimal digits without leading zeros. None for any other text."""
    number = int(text) if _ID.fullmatch(text) else 0
    return number if 1 <= number <= LARGEST_ID else None
