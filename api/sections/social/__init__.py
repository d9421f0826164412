"""Who follows and blocks whom, whom the apps suggest, and visits."""

from __future__ import annotations

from api.sections.social import blocks, follow, follow_lists, follow_requests, suggestions, visits

SECTIONS = (
    follow.section,
    follow_lists.section,
    suggestions.section,
    blocks.section,
    visits.section,
    follow_requests.ours,
)
