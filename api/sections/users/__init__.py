"""Users: profiles, pictures, and what a user does with the own account."""

from __future__ import annotations

from api.sections.users import contacts, profile

SECTIONS = (profile.section, contacts.section)
