"""Videos: feeds and lists, single videos, uploads, reactions and comments."""

from __future__ import annotations

from api.sections.videos import download, feed, upload

SECTIONS = (feed.section, upload.section, download.section)
