"""Truncation of long text at a grapheme boundary, so that no emoji, flag or accented letter is split."""

from __future__ import annotations

import unicodedata

JOINER = "\u200d"
SKIN_TONES = range(0x1F3FB, 0x1F400)
FLAG_LETTERS = range(0x1F1E6, 0x1F200)
TAGS = range(0xE0020, 0xE0080)
LONGEST_CLUSTER = 32
"""How many code points `cut` searches backwards for a boundary. Smaller splits long emoji sequences; larger lets one
letter with very many accents remove more text."""


def cut(text: str, limit: int) -> str:
    """The text, truncated to at most `limit` code points at a grapheme boundary."""
    if len(text) <= limit:
        return text
    for end in range(limit, max(0, limit - LONGEST_CLUSTER), -1):
        if not _joined(text, end):
            return text[:end].rstrip()
    return text[:limit]


def _joined(text: str, at: int) -> bool:
    """Whether the code points before and after this index belong to one grapheme."""
    before, after = text[at - 1], text[at]
    if before == JOINER or after == JOINER or unicodedata.category(after) in ("Mn", "Mc", "Me"):
        return True
    if ord(after) in SKIN_TONES or ord(after) in TAGS:
        return True
    start = at
    while start and ord(text[start - 1]) in FLAG_LETTERS:
        start -= 1
    return ord(after) in FLAG_LETTERS and (at - start) % 2 == 1
