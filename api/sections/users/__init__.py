"""Users: profiles, pictures, and what a user does with the own account."""

from __future__ import annotations

from api.sections.users import contacts, deletion, export, pictures, profile

SECTIONS = (profile.section, pictures.section, contacts.section, deletion.section, export.section)
