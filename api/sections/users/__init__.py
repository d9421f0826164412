"""Users: profiles, pictures, and what a user does with the own account."""

from __future__ import annotations

from api.sections.users import deletion, export, profile

SECTIONS = (profile.section, deletion.section, export.section)
