"""What the hooks listener asks between its start and the moment in which the streams are loaded.

MediaMTX asks us who may use its control API, and we use it from its start on: so the listener serves before there is a table of streams.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from control_plane.streams.access import AccessRequest, Verdict
from control_plane.streams.media.reconciler import Hint

WAIT_S = 5.0
"""An adopted MediaMTX asks for publishers while we start. Below its read timeout of 8 s, and so below what it waits for an answer."""


class UntilLoaded:
    """`decide` waits for `loaded`. Hints until then are dropped: the first look at the media server sees what they would tell."""

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
