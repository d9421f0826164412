"""Users: profiles, pictures, and what a user does with the own account."""

from __future__ import annotations

from api.sections.users import edit, profile, several, verification

SECTIONS = (profile.section, edit.section, several.section, verification.section)
