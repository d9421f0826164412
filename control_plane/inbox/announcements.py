"""Tells users of messages that the apps keep elsewhere: a push for each, and one inbox entry a day for each sender."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Sequence

from cachetools import LRUCache

from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.inbox import store
from control_plane.inbox.model import PUSH_OF_KIND, Kind, Told
from control_plane.inbox.pushing import push_of
from control_plane.inbox.telling import LONGEST_TEXT, record
from control_plane.push.queue import enqueue
from control_plane.push.store import withdraw

MOST_RECEIVERS = 50
"""Receivers of one message. More: one call reaches more users who did not ask for it. Fewer: an app that shares a video
with many friends is refused."""
PERIOD_S = 60.0
MOST_TO_ONE = 20
MOST_TO_ALL = 200
"""Messages of one sender that are told within PERIOD_S: to one receiver, and to all. More: one user can ring the phone of
another without end. Fewer: a quick conversation is told with gaps."""
REMEMBERED = 50_000
"""Pairs of users whose messages are counted; the least recent are evicted. Fewer: under load a limit is missed. More: more
memory."""


class MessagesNotAccepted(ControlPlaneError):
    """The receiver takes no messages of the sender, or cannot be seen."""

    code = "messages_not_accepted"
    kind = ErrorKind.REFUSED

    def __init__(self) -> None:
        super().__init__("This user does not accept messages from you.")


class TooManyMessages(ControlPlaneError):
    code = "too_many_messages"
    kind = ErrorKind.TOO_OFTEN

    def __init__(self) -> None:
        super().__init__("You have sent many messages in a short time. Please wait a minute.")


async def tell_message(connection: Connection, sender_id: UserId, receiver_ids: Sequence[UserId], text: str) -> None:
    """Push a message, and write the entry of the day. The receivers accept messages of the sender."""
    pushed = Told(Kind.MESSAGE, sender_id, text=text[:LONGEST_TEXT])
    await enqueue(connection, push_of(pushed, await store.sender(connection, sender_id)), receiver_ids)
    await record(connection, Told(Kind.MESSAGE, sender_id), receiver_ids)


async def untell_message(connection: Connection, sender_id: UserId, receiver_id: UserId, sent_at: dt.datetime) -> None:
    """Drop the push of a message that was taken back, where it still waits. `sent_at`: `now()` of its transaction."""
    await withdraw(connection, PUSH_OF_KIND[Kind.MESSAGE], sender_id, receiver_id, sent_at)


class Announcements:
    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock = clock
        self._sent: LRUCache[tuple[UserId, UserId | None], tuple[float, int]] = LRUCache(REMEMBERED)
        """By sender and receiver (None: all): the start of the period, and the number of messages."""

    async def announce(self, sender_id: UserId, receiver_ids: Sequence[UserId], text: str) -> None:
        """Tell the receivers who accept messages of the sender. Raises MessagesNotAccepted if none of them does, and
        TooManyMessages."""
        async with self._database.transaction() as connection:
            accepting = await store.accepting_messages(connection, sender_id, receiver_ids)
            if not accepting:
                raise MessagesNotAccepted
            receivers = [user_id for user_id in accepting if self._count(sender_id, user_id, MOST_TO_ONE)]
            if not receivers or not self._count(sender_id, None, MOST_TO_ALL, len(receivers)):
                raise TooManyMessages
            await tell_message(connection, sender_id, receivers, text)

    def _count(self, sender_id: UserId, receiver_id: UserId | None, most: int, messages: int = 1) -> bool:
        """False: the messages are too many."""
        now = self._clock()
        since, number = self._sent.get((sender_id, receiver_id), (now, 0))
        if now - since >= PERIOD_S:
            since, number = now, 0
        if number + messages > most:
            return False
        self._sent[sender_id, receiver_id] = since, number + messages
        return True
