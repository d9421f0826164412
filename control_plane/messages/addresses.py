"""Signed addresses of the pictures in messages."""

from __future__ import annotations

from control_plane.storage.addresses import Addresses
from control_plane.storage.model import FileName


def picture_path(addresses: Addresses, name: FileName, salt: bytes) -> str:
    """Path and query, to be put behind the server's URL. Empty: there is no picture."""
    return addresses.path(name, salt) if name else ""
