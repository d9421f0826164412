"""The storage services that endpoints and the file routes use."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.storage.addresses import Addresses
from control_plane.storage.files import Files
from control_plane.storage.space import Space


@dataclass(frozen=True, slots=True)
class Stored:
    files: Files
    addresses: Addresses
    space: Space
