"""Types of ids, so that the type checker finds ids that are swapped. Apps see ids as 32-bit integers."""

from __future__ import annotations

from typing import NewType

UserId = NewType("UserId", int)
StreamId = NewType("StreamId", int)
GiftId = NewType("GiftId", int)
JobId = NewType("JobId", int)
"""64 bits: no app sees it."""
Seq = NewType("Seq", int)
"""Sequence number of an event in its stream's log: from 1, without gaps."""

LARGEST_ID = 2**31 - 1
