"""Who follows whom, and whom the apps suggest."""

from __future__ import annotations

from api.sections.social import follow, follow_lists, follow_requests, suggestions

SECTIONS = (
    follow.section,
    follow_lists.section,
    suggestions.section,
    follow_requests.ours,
)
