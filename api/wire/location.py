"""A place, with which videos are tagged."""

from __future__ import annotations

import msgspec

from api.wire.values import NO_TIME, UNKNOWN_DEGREES, DecimalText, Id, Url, WireTime


class Location(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    name: str = ""
    string: str = ""
    lat: DecimalText = UNKNOWN_DEGREES
    long: DecimalText = UNKNOWN_DEGREES
    google_place_id: str = ""
    image: Url = ""
    created: WireTime = NO_TIME
