"""Videos: feeds and lists, single videos, uploads, reactions and comments."""

from __future__ import annotations

from api.sections.videos import detail, feed, lists, stories

SECTIONS = (
    feed.section,
    lists.section,
    detail.section,
    stories.section,
)
