"""Answers that are the same for everybody, encoded once for all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from api.http.urls import Urls

S = TypeVar("S")
A = TypeVar("A")

HOSTS_REMEMBERED = 16


class EncodedOnce(Generic[S, A]):
    """Calls `build` when its source is another object than before. What it answers stands for an A in an endpoint's answer."""

    def __init__(self, build: Callable[[S, Urls], A]) -> None:
        self._build = build
        self._known: dict[Urls, tuple[S, A]] = {}

    def __call__(self, source: S, urls: Urls) -> A:
        known = self._known.get(urls)
        if known is None or known[0] is not source:
            if len(self._known) >= HOSTS_REMEMBERED:
                self._known.clear()
            encoded: Any = msgspec.Raw(msgspec.json.encode(self._build(source, urls)))
            known = self._known[urls] = (source, encoded)
        return known[1]
