"""A place, with which videos are tagged."""

from __future__ import annotations

import msgspec

from api.wire.values import NO_TIME, UNKNOWN_DEGREES, DecimalText, Id, Url, WireTime, wire_time
from control_plane.videos.video import Place


class Location(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    name: str = ""
    string: str = ""
    lat: DecimalText = UNKNOWN_DEGREES
    long: DecimalText = UNKNOWN_DEGREES
    google_place_id: str = ""
    image: Url = ""
    created: WireTime = NO_TIME


def location_view(place: Place) -> Location:
    return Location(
        id=place.id,
        name=place.name,
        string=place.string,
        lat=degrees(place.latitude),
        long=degrees(place.longitude),
        google_place_id=place.google_place_id,
        created=wire_time(place.created_at),
    )


def degrees(value: float | None) -> DecimalText:
    """As decimal text, six places: 0.1 m."""
    return UNKNOWN_DEGREES if value is None else f"{value:.6f}"
