"""Sign-in and sign-up, passwords, and the proof of phone numbers and email addresses."""

from __future__ import annotations

from api.sections.auth import check, email, password, phone, register, sessions

SECTIONS = (
    register.section,
    check.section,
    phone.section,
    email.section,
    password.section,
    sessions.section,
    sessions.ours,
)
