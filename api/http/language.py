"""The language that a client prefers, from the `Accept-Language` header (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Mapping

_FIRST = re.compile(r"\s*([A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,3})(?![A-Za-z0-9-])")
_REGION = re.compile(r"-([A-Z]{2})(?:-|$)")


def preferred_language(headers: Mapping[str, str]) -> str:
    """The first language in the header, such as `de-DE`; "" if there is none. Apps send the preferred one first."""
    first = _FIRST.match(headers.get("Accept-Language", ""))
    return first[1] if first else ""


def region_of(language: str) -> str:
    """The country in a language tag: `DE` in `de-DE`; "" if it names none."""
    region = _REGION.search(language)
    return region[1] if region else ""
