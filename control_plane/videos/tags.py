"""Hashtags and mentions of a video, as apps send them: as JSON, as a literal of Swift, and in the description."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from control_plane.base.ids import LARGEST_ID, UserId

T = TypeVar("T")

MOST_HASHTAGS = MOST_MENTIONS = 30
"""Of one video. More: one post writes more rows, and tells more users."""
LONGEST_HASHTAG = 100

_PAIR = re.compile(r'"?\b(\w+)"?\s*[:=]\s*(?:Optional\()?(?:"((?:[^"\\]|\\.)*)"|([\w#@.\-]+))')
"""A key and its value, as Swift prints a list of dictionaries: `[["name": "x"], ["name": "y"]]`."""
_END = r"\s\x00-/:-@\[-^`{-\xa9\u2010-\u205e\u3000-\u3004\u3007-\u303f\uff00-\uff0f\uff1a-\uff20"
"""What ends a hashtag: blanks and punctuation but `_`. Not `\\W`, which also has the vowel signs of Hindi and Thai."""
_HASHTAG = re.compile(rf"[#\uff03]([^{_END}]+)")
_NAME = re.compile(rf"[^{_END}]+")
_MENTION = re.compile(r"(?<![\w.@])@([\w.\-]{1,40})")


@dataclass(frozen=True, slots=True)
class Mentions:
    """Users whom a video names, by id and by name. They may not exist."""

    user_ids: Sequence[UserId] = ()
    usernames: Sequence[str] = ()
    """In lower case."""


def hashtags_in(sent: object, text: str) -> Sequence[str]:
    """The names of the hashtags, in lower case. `sent`: `hashtags_json` of the apps."""
    names = [*_values(sent, {"name", "hashtag"}), *_HASHTAG.findall(text)]
    return _first(MOST_HASHTAGS, (name for found in names if (name := _hashtag(found))))


def mentions_in(sent: object, text: str) -> Mentions:
    """`sent`: `users_json` of the apps, a text or a list."""
    ids = [int(value) for value in _values(sent, {"user_id", "id"}) if re.fullmatch("[0-9]{1,10}", value)]
    names = [*_values(sent, {"username", "name"}), *_MENTION.findall(text)]
    return Mentions(
        _first(MOST_MENTIONS, (UserId(number) for number in ids if 0 < number <= LARGEST_ID)),
        _first(MOST_MENTIONS, (name for found in names if (name := found.lstrip("@").rstrip(".-").lower()))),
    )


def _hashtag(text: str) -> str:
    """ "" if nothing of it can be a hashtag."""
    found = _NAME.match(unicodedata.normalize("NFKC", text).lstrip("#"))
    name = found[0].lower()[:LONGEST_HASHTAG] if found else ""
    return "" if name.isdecimal() else name


def _values(sent: object, keys: set[str]) -> Iterator[str]:
    """The values of these keys in a list of objects. Entries of a list without keys count as values."""
    if isinstance(text := sent, str):
        try:
            sent = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            sent = [{key: quoted.replace('\\"', '"') or bare} for key, quoted, bare in _PAIR.findall(text)]
    for key, value in _pairs(sent if isinstance(sent, list) else [sent], min(keys)):
        if key in keys and isinstance(value, str | int) and not isinstance(value, bool):
            yield str(value).strip().replace("\0", "")


def _pairs(entries: Sequence[Any], key: str) -> Iterator[tuple[str, Any]]:
    for entry in entries:
        if isinstance(entry, dict):
            yield from entry.items()
        else:
            yield key, entry


def _first(most: int, found: Iterable[T]) -> Sequence[T]:
    return list(dict.fromkeys(found))[:most]
