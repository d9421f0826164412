"""Videos: feeds and lists, single videos, uploads, reactions and comments."""

from __future__ import annotations

from api.sections.videos import (
    comments,
    deletion,
    detail,
    download,
    editing,
    feed,
    lists,
    reactions,
    stories,
    upload,
    views,
)

SECTIONS = (
    feed.section,
    lists.section,
    detail.section,
    stories.section,
    reactions.section,
    reactions.feed_section,
    comments.section,
    editing.section,
    upload.section,
    views.section,
    deletion.section,
    download.section,
)
