"""The skeleton of a text: texts that look alike have the same one (Unicode TR 39), whatever script their letters are of."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Mapping

ASCII = {"0": "O", "1": "l", "I": "l", "m": "rn", "|": "l"}
"""The confusables of ASCII that names and words may have. Most texts need no others, and the whole table takes a tenth of
a second to load."""


def skeleton(text: str) -> str:
    prototypes: Mapping[str, str] = ASCII if text.isascii() else _prototypes()
    parts = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFD", "".join(prototypes.get(part, part) for part in parts))


@functools.cache
def _prototypes() -> Mapping[str, str]:
    """The character, or the characters, that stand for each confusable one."""
    from confusable_homoglyphs.confusables import confusables_data as alike

    prototypes = {}
    for text, others in alike.items():
        if len(text) > 1 or len(others) > 1:  # it stands for the others
            continue
        (other,) = (entry["c"] for entry in others)
        # The table does not tell which one of a pair stands for both.
        prototypes[text] = other if len(other) > 1 or len(alike[other]) > 1 else min(text, other)
    return prototypes
