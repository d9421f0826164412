"""Words that comments may not have, by the setting `blocked_words`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_WORD = re.compile(r"\w+")


class BlockedWords:
    """A word, or several in a row, is found in any case, with or without accents, but not inside another word. In scripts
    without case, which may have no blanks between words, it is found anywhere."""

    def __init__(self, words: Iterable[str]) -> None:
        plain = {_plain(word).strip() for word in words} - {""}
        self._anywhere = frozenset(
            word for word in plain if any(unicodedata.category(letter) == "Lo" for letter in word)
        )
        self._rows = frozenset(tuple(_WORD.findall(word)) for word in plain - self._anywhere) - {()}
        self._lengths = frozenset(len(row) for row in self._rows)

    def are_in(self, text: str) -> bool:
        plain = _plain(text)
        words = _WORD.findall(plain)
        return any(word in plain for word in self._anywhere) or any(
            tuple(words[start : start + length]) in self._rows
            for length in self._lengths
            for start in range(len(words) - length + 1)
        )


def _plain(text: str) -> str:
    """Without case, accents, and characters that are not seen."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if unicodedata.category(letter) not in {"Mn", "Cf"})
