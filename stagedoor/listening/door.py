"""Accepts public connections within limits: in total, and of one address."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from control_plane.base.log_limit import LogLimit
from control_plane.config.ports import BACKLOG

log = logging.getLogger(__name__)

ACCEPTED_AT_ONCE = 16
"""Connections accepted per turn of the event loop. More delays all other tasks during a flood; fewer accepts bursts
slower."""
RETRY_ACCEPT_S = 0.5
"""Pause after `accept` failed for lack of descriptors or memory."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Connection limits: `most` in total, and `per_address` for each key that `key_of` gives for a peer address. A key
    of None is not limited per address."""

    most: int
    per_address: int
    key_of: Callable[[str], str | None]


class Door:
    """Accepts public connections within the limits.

    It counts at `accept`, so that even a burst never takes the descriptors reserved for the rest of the process.
    uvloop's own servers accept every waiting connection, and drop some when descriptors run out.
    """

    def __init__(
        self,
        listener: socket.socket,
        connection: Callable[[Callable[[], None]], asyncio.BaseProtocol],
        limits: Limits,
    ) -> None:
        self._listener = listener
        self._connection = connection
        self._most = limits.most
        self._per_address = min(limits.per_address, max(1, limits.most // 2))  # one address never takes all connections
        self._key_of = limits.key_of
        self._loop = asyncio.get_running_loop()
        self._open = 0
        self._by_address: Counter[str] = Counter()
        self._joining: set[asyncio.Task[None]] = set()
        self._refusals = LogLimit(self._log_refused)
        self._retry: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._listener.setblocking(False)
        self._listener.listen(BACKLOG)
        self._loop.add_reader(self._listener, self._accept)

    async def stop(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        for task in self._joining:
            task.cancel()
        await asyncio.gather(*self._joining, return_exceptions=True)
        self._refusals.flush()

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                joined, peer = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionError):
                return
            except OSError as error:  # no descriptor or no memory: retry soon
                self._refusals.note(error.strerror or "accept failed")
                self._loop.remove_reader(self._listener)
                self._retry = self._loop.call_later(RETRY_ACCEPT_S, self._loop.add_reader, self._listener, self._accept)
                return
            key = self._key_of(str(peer[0]))
            why = self._why_not(key)
            if why:
                joined.close()
                self._refusals.note(why)
                continue
            joined.setblocking(False)
            self._open += 1
            if key is not None:
                self._by_address[key] += 1
            task = self._loop.create_task(self._join(joined, key))
            self._joining.add(task)
            task.add_done_callback(self._joining.discard)

    def _why_not(self, key: str | None) -> str:
        if self._open >= self._most:
            return "too many in all"
        if key is not None and self._by_address[key] >= self._per_address:
            return "too many of one address"
        return ""

    async def _join(self, joined: socket.socket, key: str | None) -> None:
        counted = True

        def lost() -> None:
            nonlocal counted
            if not counted:
                return
            counted = False
            self._open -= 1
            if key is not None:
                self._by_address[key] -= 1
                if not self._by_address[key]:
                    del self._by_address[key]

        try:
            await self._loop.connect_accepted_socket(lambda: self._connection(lost), joined)
        except (OSError, asyncio.CancelledError):
            joined.close()
            lost()

    def _log_refused(self, why: str, refused: int) -> None:
        log.warning(
            "connections_refused",
            extra={
                "why": why,
                "refused": refused,
                "open": self._open,
                "most": self._most,
                "per_address": self._per_address,
            },
        )
