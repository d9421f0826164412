"""Lists in pages: `starting_point` is the number of a page, not of a row."""

from __future__ import annotations

from typing import NamedTuple

from api.contract.request import Page

PAGE_SIZE = 10
LONG_PAGE_SIZE = 20
"""Rows of a page, prescribed by the contract: `LONG_PAGE_SIZE` for a user's own videos and for a hashtag's."""


class Window(NamedTuple):
    limit: int
    offset: int


def window(page: Page, size: int = PAGE_SIZE) -> Window:
    """The rows of a page, for a statement."""
    return Window(size, page * size)
