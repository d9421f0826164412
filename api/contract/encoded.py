"""A cache of encoded JSON for answers that are the same for all callers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from api.http.urls import Urls

S = TypeVar("S")
A = TypeVar("A")

HOSTS_REMEMBERED = 16
"""Cached encodings, one for each `Urls`: with LIVE_LAN, one for each host name in use; the oldest is removed. Smaller
encodes more often, larger uses more memory."""


class EncodedOnce(Generic[S, A]):
    """Calls `build` only when `source` is another object than at the last call. Returns a `msgspec.Raw`, typed as the A
    that it stands for in an answer."""

    def __init__(self, build: Callable[[S, Urls], A]) -> None:
        self._build = build
        self._known: dict[Urls, tuple[S, A]] = {}

    def __call__(self, source: S, urls: Urls) -> A:
        known = self._known.get(urls)
        if known is None or known[0] is not source:
            encoded: Any = msgspec.Raw(msgspec.json.encode(self._build(source, urls)))
            self._known.pop(urls, None)
            while len(self._known) >= HOSTS_REMEMBERED:
                del self._known[next(iter(self._known))]
            known = self._known[urls] = (source, encoded)
        return known[1]
