"""The conversation on one personal socket: identify the user, join the hub, then answer frames (`auth`, `message`)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from api.contract.errors import SessionMissing, TooManyRequests
from api.contract.request import as_text
from api.personal_socket.frames import PersonalYou, SendMessage, Sent
from api.sockets.connection import Connection, Disconnect
from api.sockets.frames import Auth, CloseCode, ErrorFrame, finished
from api.sockets.identity import Credentials, Identify, caller_of, signed_in
from api.sockets.websocket import websocket_frame
from control_plane.accounts.caller import Caller
from control_plane.base.errors import ControlPlaneError
from control_plane.base.ids import StreamId, UserId
from control_plane.messages.model import Content
from control_plane.messages.news import MessageView
from control_plane.personal.hub import PersonalHub
from control_plane.videos.video import VideoId

UserSlot = Callable[[UserId], AbstractContextManager[bool]]
"""Counts a socket of the user; yields whether it is within the limit."""


Messaging = Callable[[UserId, UserId, Content, str], Awaitable[MessageView]]
"""(sender, receiver, content, idempotency key) → the message as the sender has it. Raises ControlPlaneError."""


@dataclass(frozen=True, slots=True)
class Services:
    """The services that conversations use."""

    hub: PersonalHub
    identify: Identify
    send_message: Messaging
    user_wait_s: Callable[[UserId], float]
    identity_within_s: float


class PersonalConversation:
    """Implements `PersonalSink`."""

    def __init__(
        self, services: Services, connection: Connection[Auth | SendMessage], language: str, *, limited: bool
    ) -> None:
        """`limited`: whether the user's rate limit applies to messages."""
        self._services = services
        self._connection = connection
        self._language = language
        self._limited = limited
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
            subscriber = await self._services.hub.join(user_id, self, self._language)
            try:
                while True:
                    await self._answer(await self._connection.next_frame())
            finally:
                self._services.hub.leave(subscriber)

    async def _identified(self, credentials: Credentials) -> UserId:
        if credentials.bearer is not None:
            self._caller, self._token = await signed_in(self._services.identify, credentials.bearer), credentials.bearer
        elif credentials.page is not None:
            self._caller, self._token = await caller_of(self._services.identify, credentials.page), credentials.page
        if self._caller is None:
            try:
                async with asyncio.timeout(self._services.identity_within_s):
                    token = await self._first_token()
            except TimeoutError:
                raise Disconnect(CloseCode.SIGN_IN) from None
            self._caller, self._token = await signed_in(self._services.identify, token), token
        # Again, now that a revocation finds this conversation: one that came before was missed. The answer is cached.
        self._caller = await signed_in(self._services.identify, self._token)
        return self._caller.user_id

    async def _first_token(self) -> str:
        """Frames before the first `auth` are refused."""
        while not isinstance(frame := await self._connection.next_frame(), Auth):
            missing = SessionMissing()
            self._connection.answer(finished(ErrorFrame(frame.id, missing.code, str(missing))))
        return frame.token

    async def _answer(self, frame: Auth | SendMessage) -> None:
        if isinstance(frame, SendMessage):
            self._connection.answer(finished(await self._send(frame)))
        else:
            await self._renew(frame.token)

    async def _send(self, frame: SendMessage) -> Sent | ErrorFrame:
        content = Content(as_text(frame.text), video_id=VideoId(frame.video_id), stream_id=StreamId(frame.stream_id))
        try:
            # The session is checked again, because the message of a revocation may be lost.
            sender_id = (await signed_in(self._services.identify, self._token)).user_id
            if self._limited and (wait_s := self._services.user_wait_s(sender_id)):
                raise TooManyRequests(wait_s)
            message = await self._services.send_message(sender_id, UserId(frame.receiver_id), content, frame.id)
        except ControlPlaneError as refusal:
            # The call names the idempotency key client_ref, a frame calls it id.
            retry_ms = math.ceil(refusal.retry_after_s * 1000) if isinstance(refusal, TooManyRequests) else None
            return ErrorFrame(frame.id, refusal.code, str(refusal).replace("client_ref", "id"), retry_ms)
        return Sent(frame.id, message)

    async def _renew(self, token: str) -> None:
        """Go on with another session of the same user."""
        caller = await signed_in(self._services.identify, token)
        if caller.user_id != self.user_id:
            raise Disconnect(CloseCode.FORBIDDEN)
        self._caller, self._token = caller, token
        self._connection.answer(finished(PersonalYou(caller.user_id)))

    async def look_again(self) -> None:
        """Check the session again, and close the socket if it was revoked. Raises DatabaseUnavailable."""
        if self._caller is None:
            return
        try:
            self._caller = await signed_in(self._services.identify, self._token)
        except Disconnect as disconnect:
            self._connection.close(disconnect.code or CloseCode.SIGN_IN)
