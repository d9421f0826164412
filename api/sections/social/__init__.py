"""Follows, blocks and visits."""

from __future__ import annotations

from api.sections.social import blocks, visits

SECTIONS = (
    blocks.section,
    visits.section,
)
