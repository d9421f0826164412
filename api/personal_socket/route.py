"""The route of the personal socket, `GET /ws/me`: a WebSocket that tells a signed-in user at once what is new."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from aiohttp import web

from api.http.language import preferred_language
from api.personal_socket.conversation import Messaging, PersonalConversation, Services
from api.personal_socket.frames import SendMessage, parse
from api.sockets.connection import Connection, Timing
from api.sockets.door import Clients, Door
from api.sockets.frames import Auth
from api.sockets.identity import Identify
from control_plane.base.ids import UserId
from control_plane.db.pool import DatabaseUnavailable
from control_plane.personal.hub import PersonalHub

MOST_OF_ONE_USER = 20
"""Open sockets of one user: devices, and tabs of a browser. More: one account takes the memory of many. Fewer: a user
with many tabs is refused."""
RETRY_S = 0.5
"""Pause before sessions are read again when the database is unavailable. Longer: revoked users are told longer after an
outage. Shorter: more attempts while the database is down."""


class PersonalSocket:
    """All personal sockets of this process. `handle` serves the route; `run` closes sockets after revocations."""

    def __init__(
        self,
        hub: PersonalHub,
        identify: Identify,
        send_message: Messaging,
        clients: Clients,
        *,
        timing: Timing | None = None,
    ) -> None:
        self._timing = timing or Timing()
        self._services = Services(hub, identify, send_message, clients.user_wait_s, self._timing.identity_within_s)
        self._door = Door(self._timing, clients)
        self.closed = self._door.closed
        self.close_all = self._door.close_all
        self._clients = clients
        self._of_user: Counter[UserId] = Counter()
        self._present: set[PersonalConversation] = set()
        self._changed: set[UserId] = set()
        """Users whose sessions may have been revoked."""
        self._wake = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        return await self._door.handle(request, parse, partial(self._serve, request))

    async def _serve(self, request: web.Request, connection: Connection[Auth | SendMessage], limited: bool) -> None:
        credentials = self._clients.credentials(request)
        conversation = PersonalConversation(
            self._services, connection, preferred_language(request.headers), limited=limited
        )
        self._present.add(conversation)
        try:
            await conversation.hold(credentials, self._slot)
        finally:
            self._present.discard(conversation)

    @contextmanager
    def _slot(self, user_id: UserId) -> Iterator[bool]:
        self._of_user[user_id] += 1
        try:
            yield self._of_user[user_id] <= MOST_OF_ONE_USER
        finally:
            self._of_user[user_id] -= 1
            if not self._of_user[user_id]:
                del self._of_user[user_id]

    def session_changed(self, user_id: UserId) -> None:
        """Sessions of this user may have been revoked: `run` checks the user's sockets again."""
        self._changed.add(user_id)
        self._wake.set()

    def anything_changed(self) -> None:
        """Messages about revocations may have been lost: `run` checks all sockets again."""
        for conversation in self._present:
            if conversation.user_id is not None:
                self.session_changed(conversation.user_id)

    async def run(self) -> None:
        """Disconnect users who are banned, deleted or signed out. Runs until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            changed, self._changed = self._changed, set()
            try:
                for conversation in [one for one in self._present if one.user_id in changed]:
                    await conversation.look_again()
            except DatabaseUnavailable:
                self._changed |= changed
                self._wake.set()
                await asyncio.sleep(RETRY_S)
