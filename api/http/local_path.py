"""Paths of our own pages, which a browser returns to from another site."""

from __future__ import annotations

LONGEST_PATH = 500


def local_path(text: str) -> str:
    """The path of a page of ours. A browser would read `//host` and `/\\host` as another site."""
    is_local = text.startswith("/") and not text.startswith(("//", "/\\")) and len(text) <= LONGEST_PATH
    return text if is_local and text.isprintable() and "\\" not in text else "/"
