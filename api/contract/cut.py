"""Cutting text that is too long where a reader sees no broken character."""

from __future__ import annotations

import unicodedata

JOINER = "\u200d"
SKIN_TONES = range(0x1F3FB, 0x1F400)
FLAG_LETTERS = range(0x1F1E6, 0x1F200)
TAGS = range(0xE0020, 0xE0080)
LONGEST_CLUSTER = 32
"""Code points that we go back at most; "a" with a thousand accents is cut within them."""


def cut(text: str, limit: int) -> str:
    """At most `limit` code points, without half an emoji, flag or accented letter at the end."""
    if len(text) <= limit:
        return text
    for end in range(limit, max(0, limit - LONGEST_CLUSTER), -1):
        if not _joined(text, end):
            return text[:end].rstrip()
    return text[:limit]


def _joined(text: str, at: int) -> bool:
    """Whether what stands before and after this place is one character to a reader."""
    before, after = text[at - 1], text[at]
    if before == JOINER or after == JOINER or unicodedata.category(after) in ("Mn", "Mc", "Me"):
        return True
    if ord(after) in SKIN_TONES or ord(after) in TAGS:
        return True
    start = at
    while start and ord(text[start - 1]) in FLAG_LETTERS:
        start -= 1
    return ord(after) in FLAG_LETTERS and (at - start) % 2 == 1
