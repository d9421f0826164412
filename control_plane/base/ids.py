"""Ids that must not be swapped for one another. What apps see is a 32-bit integer."""

from __future__ import annotations

from typing import NewType

UserId = NewType("UserId", int)
StreamId = NewType("StreamId", int)
GiftId = NewType("GiftId", int)
Seq = NewType("Seq", int)
"""Number of an event within its stream's log, from 1, without gaps."""

LARGEST_ID = 2**31 - 1
