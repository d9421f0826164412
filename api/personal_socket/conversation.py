"""The conversation on one personal socket: identify the user, join the hub, then keep the session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager

from api.personal_socket.frames import PersonalYou
from api.sockets.connection import Connection, Disconnect
from api.sockets.frames import Auth, CloseCode, finished
from api.sockets.identity import Credentials, Identify, known, whose
from api.sockets.websocket import websocket_frame
from control_plane.accounts.caller import Caller
from control_plane.base.ids import UserId
from control_plane.inbox.hub import PersonalHub

UserSlot = Callable[[UserId], AbstractContextManager[bool]]
"""Counts a socket of the user; yields whether it is within the limit."""


class PersonalConversation:
    """Implements `PersonalSink`."""

    def __init__(
        self, hub: PersonalHub, identify: Identify, connection: Connection[Auth], language: str, within_s: float
    ) -> None:
        self._hub = hub
        self._identify = identify
        self._connection = connection
        self._language = language
        self._within_s = within_s
        self._caller: Caller | None = None
        self._token = ""

    @property
    def user_id(self) -> UserId | None:
        """None until the user is known."""
        return None if self._caller is None else self._caller.user_id

    def answer(self, text: bytes) -> None:
        self._connection.answer(websocket_frame(text))

    async def hold(self, credentials: Credentials, slot: UserSlot) -> None:
        """Run until the client or the server closes the socket. Raises Disconnect, DatabaseUnavailable."""
        user_id = await self._identified(credentials)
        with slot(user_id) as allowed:
            if not allowed:
                raise Disconnect(CloseCode.TOO_MANY)
            subscriber = await self._hub.join(user_id, self, self._language)
            try:
                while True:
                    await self._renew((await self._connection.next_frame()).token)
            finally:
                self._hub.leave(subscriber)

    async def _identified(self, credentials: Credentials) -> UserId:
        if credentials.bearer is not None:
            self._caller, self._token = await known(self._identify, credentials.bearer), credentials.bearer
        elif credentials.page is not None:
            self._caller, self._token = await whose(self._identify, credentials.page), credentials.page
        if self._caller is None:
            try:
                async with asyncio.timeout(self._within_s):
                    token = (await self._connection.next_frame()).token
            except TimeoutError:
                raise Disconnect(CloseCode.SIGN_IN) from None
            self._caller, self._token = await known(self._identify, token), token
        # Again, now that a revocation finds this conversation: one that came before was missed. The answer is cached.
        self._caller = await known(self._identify, self._token)
        return self._caller.user_id

    async def _renew(self, token: str) -> None:
        """Go on with another session of the same user."""
        caller = await known(self._identify, token)
        if caller.user_id != self.user_id:
            raise Disconnect(CloseCode.FORBIDDEN)
        self._caller, self._token = caller, token
        self._connection.answer(finished(PersonalYou(caller.user_id)))

    async def look_again(self) -> None:
        """Check the session again, and close the socket if it was revoked. Raises DatabaseUnavailable."""
        if self._caller is None:
            return
        try:
            self._caller = await known(self._identify, self._token)
        except Disconnect as disconnect:
            self._connection.close(disconnect.code or CloseCode.SIGN_IN)
