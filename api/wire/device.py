"""A phone with the app."""

from __future__ import annotations

import msgspec

from api.wire.values import NO_TIME, Id, WireTime, wire_time
from control_plane.accounts.devices import Device as StoredDevice


class Device(msgspec.Struct, frozen=True, kw_only=True):
    id: Id = 0
    """The app sends it as `device_id` in later calls."""
    key: str = ""
    created: WireTime = NO_TIME


def device_view(device: StoredDevice) -> Device:
    return Device(id=device.id, key=device.key, created=wire_time(device.created_at))
