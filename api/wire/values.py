"""The types of single values in answers. An absent value is `""`, 0, `[]` or all zeros, and never null."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec

Id = Annotated[int, msgspec.Meta(ge=0, lt=2**31, description="0: none")]
Flag = Annotated[int, msgspec.Meta(ge=0, le=1)]
"""0 or 1. iOS cannot read an answer with `true`."""
Money = float
"""A JSON number for display. Calculations use `Decimal` or integer minor units."""
Url = Annotated[str, msgspec.Meta(description="absolute; empty: none")]
DecimalText = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
WireDate = Annotated[
    str, msgspec.Meta(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$", description="YYYY-MM-DD; empty: none")
]
WireTime = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$",
        description="YYYY-MM-DD HH:MM:SS in UTC; all zeros: none",
    ),
]

_encode = msgspec.json.Encoder().encode

NO_TIME = "0000-00-00 00:00:00"
UNKNOWN_DEGREES = "0.0"
"""One client parses `lat` and `long` as doubles and fails on empty text."""


def wire_time(at: dt.datetime | None) -> str:
    """`2026-01-31 12:00:00`, in UTC; `NO_TIME` for None. Raises ValueError for a time without zone."""
    if at is None:
        return NO_TIME
    if at.tzinfo is None:
        raise ValueError(f"a time without zone: {at}")
    if at.tzinfo is not dt.UTC:  # times from the database are in UTC already
        at = at.astimezone(dt.UTC)
    # `2026-01-31T12:00:00.123456Z` in quotes. A fifth of the time of `isoformat`, and a page of videos has thirty of them.
    return _encode(at)[1:20].decode().replace("T", " ")
