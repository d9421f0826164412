"""Users: profiles, pictures, and what a user does with the own account."""

from __future__ import annotations

from api.sections.users import contacts, deletion, edit, export, pictures, profile, several, verification

SECTIONS = (
    profile.section,
    edit.section,
    pictures.section,
    several.section,
    contacts.section,
    verification.section,
    deletion.section,
    export.section,
)
