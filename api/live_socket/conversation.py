"""The conversation on one live socket: authenticate the caller, join the hub, then answer frames (`auth`, `gift`)."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from api.contract.errors import SessionMissing, TooManyRequests
from api.live_socket.frames import Ack, SendGift, You, YouFrame, hello
from api.sockets.connection import Connection, Disconnect
from api.sockets.frames import Auth, CloseCode, ErrorFrame, finished
from api.sockets.identity import Credentials, Identify, known, whose
from control_plane.accounts.caller import Caller
from control_plane.base.errors import ControlPlaneError
from control_plane.base.ids import GiftId, Seq, StreamId, UserId
from control_plane.db.pool import Database
from control_plane.eventlog.log import StreamUnknown
from control_plane.live import store
from control_plane.live.audience import Audience, viewer_of
from control_plane.live.hub import Hub
from control_plane.live.snapshot import PlaybackUrl, Resume, Snapshot
from control_plane.live.subscriber import Subscriber
from control_plane.social.blocks_store import Pair, blocked_pairs

Gifting = Callable[[Caller, StreamId, str, GiftId, int], Awaitable[Seq]]
"""(caller, stream, idempotency key, gift, count) → `seq` of the gift's event. Raises ControlPlaneError."""


@dataclass(frozen=True, slots=True)
class Services:
    """The services that conversations use."""

    hub: Hub
    database: Database
    identify: Identify
    send_gift: Gifting
    playback_url: PlaybackUrl
    user_wait_s: Callable[[UserId], float]
    identity_within_s: float


class Conversation:
    __slots__ = (
        "_admitted",
        "_audience",
        "_caller",
        "_connection",
        "_limited",
        "_services",
        "_subscriber",
        "_token",
        "_until_known",
        "stream_id",
    )

    def __init__(
        self, services: Services, connection: Connection[Auth | SendGift], stream_id: StreamId, *, limited: bool
    ) -> None:
        """`limited`: whether the user's rate limit applies to gifts."""
        self.stream_id = stream_id
        self._services = services
        self._connection = connection
        self._limited = limited
        self._audience: Audience | None = None
        self._admitted = False
        self._caller: Caller | None = None
        self._token = ""
        self._subscriber: Subscriber | None = None
        self._until_known: asyncio.Timeout | None = None

    async def hold(self, credentials: Credentials, resume: Resume | None) -> None:
        """Run until the client or the server closes the socket. Raises Disconnect, DatabaseUnavailable."""
        async with self._services.database.connection() as database:
            found = (await store.audiences(database, [self.stream_id])).get(self.stream_id)
        if found is None:
            raise Disconnect(CloseCode.NO_SUCH_STREAM)
        self._audience = self._audience or found  # `see` may have set a newer one meanwhile
        try:
            await self.identify(credentials)
            await self.join(resume)
            while True:
                await self.answer(await self._connection.next_frame())
        finally:
            self.leave()

    @property
    def parties(self) -> Pair | None:
        """The host and the user, whom a block may part. None: no block keeps this caller from the stream."""
        viewer_id = viewer_of(self._caller)
        return None if viewer_id is None or self._audience is None else (self._audience.host_id, viewer_id)

    def part(self) -> None:
        """Close the socket: the host and the caller have a block, so this stream does not exist for the caller."""
        self._connection.close(CloseCode.NO_SUCH_STREAM)

    @property
    def user_id(self) -> UserId | None:
        """None for a guest."""
        return None if self._caller is None else self._caller.user_id

    async def look_again(self) -> None:
        """Check the caller's session again, and close the socket if it was revoked. Raises DatabaseUnavailable."""
        if self._caller is None:
            return
        try:
            self._caller = await known(self._services.identify, self._token)
            if not self.admits(self._caller):  # lost the operator's role
                raise Disconnect(CloseCode.FORBIDDEN)
            await self._check_block()
        except Disconnect as disconnect:
            self._connection.close(disconnect.code or CloseCode.SIGN_IN)

    def see(self, audience: Audience) -> None:
        """Apply a new audience: close the socket if the caller may no longer watch, and admit a guest who waits for
        identity if the stream is public now."""
        self._audience = audience
        if self._until_known is not None and audience.public:
            self._until_known.reschedule(asyncio.get_running_loop().time())
        elif self._admitted and not audience.admits(self._caller):
            self._connection.close(CloseCode.SIGN_IN if self._caller is None else CloseCode.FORBIDDEN)

    def admits(self, caller: Caller | None) -> bool:
        return self._audience is not None and self._audience.admits(caller)

    async def identify(self, credentials: Credentials) -> None:
        if credentials.bearer is not None:
            await self._sign_in(credentials.bearer)
        elif credentials.page is not None:
            self._caller, self._token = await whose(self._services.identify, credentials.page), credentials.page
            await self._check_block()
        await self._wait_for_identity()
        if not self.admits(self._caller):
            raise Disconnect(CloseCode.SIGN_IN if self._caller is None else CloseCode.FORBIDDEN)
        self._admitted = True

    async def _wait_for_identity(self) -> None:
        """Wait for an `auth` frame or until the stream becomes public, at most `identity_within_s`."""
        until = asyncio.get_running_loop().time() + self._services.identity_within_s
        while self._caller is None and not self.admits(None):
            try:
                async with asyncio.timeout_at(until) as self._until_known:
                    frame = await self._connection.next_frame()
            except TimeoutError:
                return
            finally:
                self._until_known = None
            await self.answer(frame)

    async def join(self, resume: Resume | None) -> None:
        you, url = self._you(), self._services.playback_url

        def greet(snapshot: Snapshot, viewers: int) -> bytes:
            return hello(snapshot, viewers, you, url)

        try:
            self._subscriber = await self._services.hub.join(
                self.stream_id, self._connection, you.user_id, resume, greet
            )
        except StreamUnknown:
            raise Disconnect(CloseCode.NO_SUCH_STREAM) from None

    def _you(self) -> You:
        assert self._audience is not None, "the audience is read before the conversation joins"
        return You.of(self._caller, self._audience)

    def leave(self) -> None:
        if self._subscriber is not None:
            self._services.hub.leave(self._subscriber)

    async def answer(self, frame: Auth | SendGift) -> None:
        if isinstance(frame, SendGift):
            self._connection.answer(finished(await self._gift(frame)))
            return
        await self._sign_in(frame.token)
        if self._subscriber is not None and self._caller is not None:
            self._services.hub.identify(self._subscriber, self._caller.user_id)
            you = self._you()
            self._connection.answer(finished(YouFrame(you.user_id, you.role, you.muted_until)))

    async def _sign_in(self, token: str) -> None:
        caller = await known(self._services.identify, token)
        if not self.admits(caller):
            raise Disconnect(CloseCode.FORBIDDEN)
        self._caller, self._token = caller, token
        await self._check_block()

    async def _check_block(self) -> None:
        """Called after the caller is set, so that a block that commits meanwhile finds this conversation."""
        if (parties := self.parties) is None:
            return
        async with self._services.database.connection() as database:
            if await blocked_pairs(database, [parties]):
                raise Disconnect(CloseCode.NO_SUCH_STREAM)

    async def _gift(self, gift: SendGift) -> Ack | ErrorFrame:
        try:
            if self._caller is None:
                raise SessionMissing
            if self._limited and (wait_s := self._services.user_wait_s(self._caller.user_id)):
                raise TooManyRequests(wait_s)
            caller = await known(
                self._services.identify, self._token
            )  # checked again, because the message of a revocation may be lost
            seq = await self._services.send_gift(caller, self.stream_id, gift.id, GiftId(gift.gift_id), gift.count)
        except ControlPlaneError as refusal:
            # The contract calls the idempotency key client_ref, a frame calls it id.
            retry_ms = math.ceil(refusal.retry_after_s * 1000) if isinstance(refusal, TooManyRequests) else None
            return ErrorFrame(gift.id, refusal.code, str(refusal).replace("client_ref", "id"), retry_ms)
        return Ack(gift.id, seq)
