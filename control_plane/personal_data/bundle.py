"""The services of personal data that endpoints use."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.personal_data.deletion import Deletion
from control_plane.personal_data.export import Export
from control_plane.personal_data.removal import Removal


@dataclass(frozen=True, slots=True)
class PersonalData:
    deletion: Deletion
    removal: Removal
    export: Export
