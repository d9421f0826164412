"""The published keys of a sign-in provider: a JWK set (RFC 7517), fetched with a deadline and cached."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import aiohttp
import jwt
from cachetools import TTLCache

from control_plane.base.bounded_answer import read_whole
from control_plane.base.errors import ControlPlaneError, ErrorKind

log = logging.getLogger(__name__)

LIFETIME_S = 3600.0
"""Keys are fetched again after this time. Larger: a key that the provider withdrew is accepted for longer. Smaller: more
requests to the provider."""
STALE_S = 86400.0
"""Keys are used for this long while the provider does not answer. Larger: a withdrawn key is accepted for longer.
Smaller: a long outage of the provider ends sign-in."""
RETRY_S = 10.0
"""Least time between two fetches. Larger: a new key is found later. Smaller: tokens with invented key ids cause more
requests to the provider."""
DEADLINE_S = 5.0
"""Timeout of one fetch. Larger: sign-in waits longer for a provider that hangs. Smaller: a slow provider counts as
away."""
LARGEST_BYTES = 256 * 1024
UNKNOWN_S, MOST_UNKNOWN = 60.0, 1000
"""How long, and how many, key ids are remembered as unknown. Larger: a new key is found later. Smaller: more fetches."""


class KeysUnavailable(ControlPlaneError):
    """The provider's keys cannot be fetched, and none that is known fits."""

    code = "provider_unavailable"
    kind = ErrorKind.UNAVAILABLE

    def __init__(self) -> None:
        super().__init__("The sign-in provider does not answer. Please try again in a moment.")


class KeySet:
    """The keys behind one URL, by key id. While the provider is away, known keys are used for up to STALE_S."""

    def __init__(
        self, url: str, *, clock: Callable[[], float] = time.monotonic, deadline_s: float = DEADLINE_S
    ) -> None:
        self._url = url
        self._clock = clock
        self._deadline_s = deadline_s
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._is_outdated = False
        """The last fetch failed, so the provider may have newer keys."""
        self._unknown: TTLCache[str, None] = TTLCache(MOST_UNKNOWN, UNKNOWN_S, timer=clock)
        self._fetching = asyncio.Lock()

    async def find(self, key_id: str) -> jwt.PyJWK | None:
        """The key with this id. None: the provider has no such key. Raises KeysUnavailable."""
        is_due = self._is_due(key_id)
        if is_due and self._fetching.locked() and (key := self._known(key_id)) is not None:
            return key  # a provider that hangs delays one call, not all
        if is_due:
            async with self._fetching:  # concurrent callers share one fetch
                if self._is_due(key_id):
                    await self._fetch()
        if (key := self._known(key_id)) is not None:
            return key
        age_s = self._clock() - self._fetched_at
        if (
            age_s > LIFETIME_S or self._tried_at > self._fetched_at
        ):  # the last fetch failed: what is known may be outdated
            raise KeysUnavailable
        if is_due:  # else the last fetch is older than the question, and the key may be newer than that
            self._unknown[key_id] = None
        return None

    def _known(self, key_id: str) -> jwt.PyJWK | None:
        return self._keys.get(key_id) if self._clock() - self._fetched_at <= STALE_S else None

    def _is_due(self, key_id: str) -> bool:
        now = self._clock()
        if now - self._tried_at < RETRY_S:
            return False
        is_fresh = now - self._fetched_at <= LIFETIME_S
        return not is_fresh or (key_id not in self._keys and key_id not in self._unknown)

    async def _fetch(self) -> None:
        """Replace the keys; after a failure they stay."""
        try:
            self._keys = _signing_keys(await self._read())
            self._is_outdated = False
        except (TimeoutError, OSError, aiohttp.ClientError, ValueError) as error:
            log.warning("provider_keys_not_fetched", extra={"url": self._url, "why": type(error).__name__})
            self._is_outdated = True
        self._tried_at = self._clock()
        if not self._is_outdated:
            self._fetched_at = self._tried_at

    async def _read(self) -> Any:
        timeout = aiohttp.ClientTimeout(total=self._deadline_s)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            # Redirects are refused: who can redirect this address could name other keys at an address without TLS.
            session.get(self._url, allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise ValueError("The provider answers without a key set.")
            return json.loads(await read_whole(response, LARGEST_BYTES))


def _signing_keys(document: Any) -> dict[str, jwt.PyJWK]:
    """Raises ValueError if there is none. A key of a kind that is not known is left out."""
    entries = document.get("keys") if isinstance(document, dict) else None
    found = {}
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry.get("kty") in ("RSA", "EC") and entry.get("use", "sig") == "sig":
            with suppress(jwt.PyJWTError, KeyError, TypeError, ValueError):
                found[str(entry["kid"])] = jwt.PyJWK(entry)
    if not found:
        raise ValueError("The key set holds no usable key.")
    return found
