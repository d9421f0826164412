"""The route of the live socket, `GET /ws/live/{id}`: a WebSocket that delivers a stream's events and takes gifts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from functools import partial

from aiohttp import web

from api.http.bearer import bearer_token
from api.live_socket.conversation import Conversation, Gifting, Services
from api.live_socket.frames import SendGift, parse
from api.sockets.connection import Connection, Disconnect, Timing
from api.sockets.door import Door
from api.sockets.frames import Auth, CloseCode
from api.sockets.identity import Credentials, Identify
from control_plane.base.ids import StreamId, UserId
from control_plane.db.pool import Database, DatabaseUnavailable
from control_plane.live import store
from control_plane.live.hub import Hub
from control_plane.live.snapshot import PlaybackUrl, Resume
from control_plane.social.blocks_store import blocked_pairs
from control_plane.streams.path import parse_id

RETRY_S = 0.5
"""Pause before sessions and audiences are read again when the database is unavailable. Longer: revoked users watch
longer after an outage. Shorter: more attempts while the database is down."""

_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_EPOCH = re.compile(r"[0-9A-Za-z]{1,64}", re.ASCII)


class LiveSocket:
    """All live sockets of this process. `handle` serves the route; `run` closes sockets after revocations and blocks."""

    def __init__(
        self,
        hub: Hub,
        database: Database,
        identify: Identify,
        send_gift: Gifting,
        playback_url: PlaybackUrl,
        *,
        sockets_per_address: int,
        address_of: Callable[[web.Request], str],
        is_limited: Callable[[str], bool],
        page_token: Callable[[web.Request], str | None],
        user_wait_s: Callable[[UserId], float],
        timing: Timing | None = None,
    ) -> None:
        """`page_token` returns the session token in the page's cookie, if the request's Origin is ours. `user_wait_s`
        takes one token of the user's rate limit and returns 0, or the seconds until there is one."""
        timing = timing or Timing()
        self._services = Services(
            hub, database, identify, send_gift, playback_url, user_wait_s, timing.identity_within_s
        )
        self._door = Door(timing, sockets_per_address, address_of, is_limited)
        self.closed = self._door.closed
        self.close_all = self._door.close_all
        self._page_token = page_token
        self._present: set[Conversation] = set()
        self._changed: set[UserId] = set()
        """Users whose sessions may have been revoked."""
        self._changed_streams: set[StreamId] = set()
        """Streams whose audience may have changed."""
        self._changed_blocks: set[UserId] = set()
        """Users with whom a block may have been made."""
        self._wake = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        return await self._door.handle(request, parse, partial(self._serve, request))

    async def _serve(self, request: web.Request, connection: Connection[Auth | SendGift], limited: bool) -> None:
        stream_id = parse_id(request.match_info["id"])
        if stream_id is None:
            raise Disconnect(CloseCode.NO_SUCH_STREAM)
        credentials = Credentials(bearer_token(request), self._page_token(request))
        conversation = Conversation(self._services, connection, stream_id, limited=limited)
        self._present.add(conversation)  # before it reads the database, so that no change is missed
        try:
            await conversation.hold(credentials, _resume(request.query))
        finally:
            self._present.discard(conversation)

    def session_changed(self, user_id: UserId) -> None:
        """Sessions of this user may have been revoked: `run` checks the user's sockets again."""
        self._changed.add(user_id)
        self._wake.set()

    def stream_changed(self, stream_id: StreamId) -> None:
        """The stream's visibility may have changed: `run` checks again who may watch."""
        self._changed_streams.add(stream_id)
        self._wake.set()

    def blocks_changed(self, user_id: UserId) -> None:
        """This user may have blocked users, or the other way round: `run` parts them."""
        self._changed_blocks.add(user_id)
        self._wake.set()

    def anything_changed(self) -> None:
        """Messages about revocations and other changes may have been lost: `run` checks all sockets again."""
        for conversation in self._present:
            self.stream_changed(conversation.stream_id)
            if conversation.user_id is not None:
                self.session_changed(conversation.user_id)
                self.blocks_changed(conversation.user_id)

    async def run(self) -> None:
        """Disconnect users who are banned, signed out, blocked or may no longer watch. Runs until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._changed or self._changed_streams or self._changed_blocks:
                changed, self._changed = self._changed, set()
                streams, self._changed_streams = self._changed_streams, set()
                blocks, self._changed_blocks = self._changed_blocks, set()
                try:
                    await self._look_again(changed, streams)
                    await self._part(blocks)
                except DatabaseUnavailable:
                    self._changed |= changed
                    self._changed_streams |= streams
                    self._changed_blocks |= blocks
                    await asyncio.sleep(RETRY_S)

    async def _look_again(self, changed: set[UserId], streams: set[StreamId]) -> None:
        for conversation in [one for one in self._present if one.user_id in changed]:
            await conversation.look_again()
        if watched := sorted({one.stream_id for one in self._present} & streams):
            async with self._services.database.connection() as connection:
                audiences = await store.audiences(connection, watched)
            for conversation in [one for one in self._present if one.stream_id in audiences]:
                conversation.see(audiences[conversation.stream_id])

    async def _part(self, users: set[UserId]) -> None:
        """Close the sockets of viewers who have a block with their host, if one of the two is among these users."""
        concerned = [
            (one, parties) for one in self._present if (parties := one.parties) and not users.isdisjoint(parties)
        ]
        if not concerned:
            return
        async with self._services.database.connection() as connection:
            blocked = await blocked_pairs(connection, {parties for _, parties in concerned})
        for conversation, parties in concerned:
            if parties in blocked:
                conversation.part()


def _resume(query: Mapping[str, str]) -> Resume | None:
    """The client's position in the event log. An `after` that is not a number counts as missing; an epoch that is not
    valid becomes "", which matches no log."""
    after, epoch = query.get("after", ""), query.get("epoch") or None
    if not _NUMBER.fullmatch(after):
        return None
    return Resume(int(after), epoch if epoch is None or _EPOCH.fullmatch(epoch) else "")
