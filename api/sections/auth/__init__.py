"""Sign-in and sign-up, passwords, and the proof of phone numbers and email addresses."""

from __future__ import annotations

from api.sections.auth import register, sessions

SECTIONS = (register.section, sessions.section, sessions.ours)
