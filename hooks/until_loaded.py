"""Delays auth callbacks until the table of streams is loaded.

MediaMTX calls the auth hook for each use of its control API, which we use from its start on. So the hooks listener
serves before the streams are loaded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from control_plane.streams.access import AccessRequest, Verdict
from control_plane.streams.media.reconciler import Hint

WAIT_S = 5.0
"""Maximum wait of an auth callback. An adopted MediaMTX calls for publishers while we start. It must stay below
MediaMTX's read timeout of 8 s, after which MediaMTX gives up on the callback."""


class UntilLoaded:
    """`decide` waits for `loaded`. Hints before it are dropped: the reconciler's first pass finds the same changes."""

    def __init__(self, wait_s: float = WAIT_S) -> None:
        self._wait_s = wait_s
        self._loaded = asyncio.Event()
        self._decide: Callable[[AccessRequest], Awaitable[Verdict]]
        self._hint: Callable[[Hint], None]

    def loaded(self, decide: Callable[[AccessRequest], Awaitable[Verdict]], hint: Callable[[Hint], None]) -> None:
        self._decide, self._hint = decide, hint
        self._loaded.set()

    async def decide(self, request: AccessRequest) -> Verdict:
        if not self._loaded.is_set():
            try:
                async with asyncio.timeout(self._wait_s):
                    await self._loaded.wait()
            except TimeoutError:
                return Verdict.DATABASE_AWAY
        return await self._decide(request)

    def hint(self, hint: Hint) -> None:
        if self._loaded.is_set():
            self._hint(hint)
