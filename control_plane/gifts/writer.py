"""The single writer of gifts in this process.

Gifts of all streams that wait at the same moment go to the database in one statement; a gift that comes while none is
on its way leaves at once. The statement is a transaction of its own, so an answer means a commit. If the connection dies
before the answer, the gifts are sent again: their keys answer whether they were sent. A second statement, of gifts between
other users, leaves beside it while many wait and this process leaves processors to the database.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from control_plane.base.clock import Clock, utc_now
from control_plane.base.errors import ControlPlaneError, ErrorKind, present
from control_plane.base.ids import Seq, StreamId, UserId
from control_plane.db.pool import Database, DatabaseUnavailable, Row
from control_plane.eventlog.log import CLOSE_S, DEADLINE_S, RETRY_S, Offers
from control_plane.gifts.gift import PreparedGift, SentGift
from control_plane.gifts.sending_store import Answer, Outcome, Parts, answers_of, call, parts_of, send
from control_plane.inbox.model import Kind, Told
from control_plane.inbox.telling import tell

log = logging.getLogger(__name__)

BATCH = 64
"""Gifts of one statement. More: the locks of their accounts and streams are held for longer. Fewer: more commits."""
HALF = 32
"""Gifts of one statement while no more than a batch waits. So two halves take turns: the database works on one while the
senders of the other are answered and send again. More: all of 64 senders wait for the same statement, and the database
for all of them. Fewer: more commits."""
SECOND = 24
"""Smallest number of gifts of a second statement. More: it leaves less often, because some of the gifts that wait have users
of the first. Fewer: more commits."""
BUSY = 0.5
"""Share of a processor that this process uses, from which on no second statement leaves. More: the database takes the
processors from the calls that bring gifts. Fewer: it works on one statement where it could on two."""
LOOK_S = 0.1
"""Time over which the share is measured."""
MOST_WAITING = 4096
"""Gifts that wait for the statement before theirs. More: their callers wait for longer, and hold more memory, before they
are refused. Fewer: a burst is refused that the database could take within seconds."""


class TooManyGifts(ControlPlaneError):
    """More gifts wait than the database takes in a few seconds. Nothing was sent."""

    code = "too_many_gifts"
    kind = ErrorKind.TOO_OFTEN

    def __init__(self) -> None:
        super().__init__("Too many gifts are being sent at this moment. Please try again.")


@dataclass(slots=True)
class _Waiting:
    gift: PreparedGift
    parts: Parts
    """Made before the gift waits, so that the database does not wait for it."""
    until: float
    answer: asyncio.Future[Answer] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def users(self) -> tuple[UserId, UserId]:
        return self.gift.sender.user_id, self.gift.receiver_id

    def take(self, answer: Answer) -> bool:
        """False: the gift is not decided yet."""
        if answer.outcome is Outcome.ALONE:
            return False
        self.resolve(answer)
        return True

    def resolve(self, result: Answer | BaseException) -> None:
        if self.answer.done():  # the caller was cancelled; the gift was sent all the same
            return
        if isinstance(result, BaseException):
            self.answer.set_exception(result)
        else:
            self.answer.set_result(result)


class GiftWriter:
    def __init__(
        self,
        database: Database,
        offers: Offers,
        commission_bps: int = 0,
        clock: Clock = utc_now,
        *,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._database = database
        self._offers = offers
        self._commission_bps = commission_bps
        self._clock = clock
        self._most_waiting = most_waiting
        self._waiting: deque[_Waiting] = deque()
        self._alone: deque[_Waiting] = deque()
        """Gifts that are sent before those, each by itself."""
        self._writing: set[asyncio.Task[None]] = set()
        self._in_flight: set[UserId] = set()
        """Senders and receivers of the gifts that are on their way."""
        self._processor = _Processor()
        self._closing = False

    async def send(self, gift: PreparedGift, deadline_s: float = DEADLINE_S) -> Answer:
        """Send the gift into a stream. The outcome is never ALONE. `deadline_s`: how long it is retried while the database is
        unavailable. Raises TooManyGifts and DatabaseUnavailable."""
        if self._closing:
            raise DatabaseUnavailable
        if len(self._waiting) >= self._most_waiting:
            raise TooManyGifts
        waiting = _Waiting(gift, parts_of(gift), asyncio.get_running_loop().time() + deadline_s)
        self._waiting.append(waiting)
        # Not at each gift beyond `HALF`: each time all of them are looked at, perhaps in vain.
        if not self._writing or (len(self._waiting) % HALF == 0 and len(self._writing) == 1):
            self._start()
        return await waiting.answer

    async def send_plain(self, gift: PreparedGift) -> Answer:
        """Send the gift outside of streams, or into the stream that the receiver has just started, and tell the receiver of a
        gift outside of streams in the same transaction. The outcome is neither PLAIN nor ALONE. Raises
        DatabaseUnavailable."""
        while True:
            async with self._database.transaction() as connection:
                [answer] = await send(
                    connection, [gift], self._clock(), commission_bps=self._commission_bps, may_be_plain=True
                )
                if answer.outcome is Outcome.SENT and answer.frame is None:
                    sent = present(answer.sent, "a sent gift has a row")
                    await tell(connection, _told(gift, sent), [gift.receiver_id])
            if answer.outcome is not Outcome.ALONE:
                self._offer([answer])
                return answer

    async def close(self, deadline_s: float = CLOSE_S) -> None:
        """Accept no more gifts, and wait until the accepted ones are answered or `deadline_s` is over."""
        self._closing = True
        while writing := set(self._writing):
            _, late = await asyncio.wait(writing, timeout=deadline_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _start(self) -> None:
        self._writing.add(asyncio.create_task(self._write(), name="gift-writer"))

    async def _write(self) -> None:
        try:
            while batch := self._next_batch():
                users = {user_id for waiting in batch for user_id in waiting.users}
                self._in_flight |= users
                try:
                    await self._settle(batch)
                finally:
                    self._in_flight -= users
        finally:
            self._writing.discard(present(asyncio.current_task(), "it runs in a task"))
            if not self._writing:  # nothing waits, but after a failure or a cancellation
                for waiting in (*self._alone, *self._waiting):
                    waiting.resolve(DatabaseUnavailable())
                self._alone.clear()
                self._waiting.clear()

    def _next_batch(self) -> list[_Waiting]:
        """The gifts that waited longest. A second one with the same sender and key waits for the statement of the first. Beside
        another statement: only gifts between other users, and none if these are fewer than `SECOND` or the process is busy."""
        if self._alone:
            return [] if self._in_flight else [self._alone.popleft()]
        if self._in_flight and self._processor.busy():
            return []
        size = BATCH if len(self._waiting) > BATCH else HALF
        batch: dict[tuple[int, str], _Waiting] = {}
        later: list[_Waiting] = []
        excluded = set(self._in_flight)
        while self._waiting and len(batch) < size:
            waiting = self._waiting.popleft()
            if not excluded.isdisjoint(waiting.users):
                excluded.update(waiting.users)  # a later gift of these users must not overtake this one
                later.append(waiting)
            elif batch.setdefault((waiting.gift.sender.user_id, waiting.gift.key), waiting) is not waiting:
                later.append(waiting)
        if self._in_flight and len(batch) < SECOND:
            later = [*batch.values(), *later]
            batch = {}
        self._waiting.extendleft(reversed(later))
        return list(batch.values())

    async def _settle(self, batch: list[_Waiting]) -> None:
        """Send the gifts in one statement, and answer each. Database failures are retried until the deadline of each gift."""
        try:
            while batch := _in_time(batch):
                framed = [(waiting.gift, waiting.parts) for waiting in batch]
                try:
                    rows = await call(self._database, framed, self._clock(), commission_bps=self._commission_bps)
                except DatabaseUnavailable:
                    log.warning("gifts_wait_for_the_database", extra={"waiting": len(batch)})
                    await asyncio.sleep(RETRY_S)
                except Exception as error:
                    if len(batch) == 1:
                        return batch[0].resolve(error)
                    return self._alone.extend(batch)  # one gift failed the statement of all
                else:
                    if not self._waiting:
                        return self._answer(batch, rows)
                    # The next statement leaves before these answers are taken apart, so that the database works meanwhile.
                    asyncio.get_running_loop().call_soon(self._answer, batch, rows)
                    return None
            return None
        except asyncio.CancelledError:
            for waiting in batch:
                waiting.resolve(DatabaseUnavailable())
            raise

    def _answer(self, batch: Sequence[_Waiting], rows: Sequence[Row]) -> None:
        answers = answers_of([waiting.gift for waiting in batch], rows)
        self._alone.extend(waiting for waiting, answer in zip(batch, answers, strict=True) if not waiting.take(answer))
        if self._alone and not self._writing:
            self._start()
        self._offer(answers)  # before the callers run; they have their answers even if it fails

    def _offer(self, answers: Collection[Answer]) -> None:
        """Offer the events to the hub. Those of a stream have consecutive numbers: the statement held its log."""
        by_stream: dict[StreamId, list[tuple[Seq, str]]] = {}
        for answer in answers:
            if answer.frame is not None and answer.sent is not None and answer.sent.stream_id is not None:
                seq = present(answer.sent.seq, "an event has a number")
                by_stream.setdefault(answer.sent.stream_id, []).append((seq, answer.frame))
        for stream_id, numbered in by_stream.items():
            numbered.sort()
            self._offers.offer(stream_id, numbered[0][0], [frame for _, frame in numbered])


class _Processor:
    """Whether this process is busy: uses more than `BUSY` of a processor."""

    def __init__(self) -> None:
        self._at, self._used_s = time.monotonic(), time.process_time()
        self._is_busy = False

    def busy(self) -> bool:
        now = time.monotonic()
        if now - self._at >= LOOK_S:
            used_s = time.process_time()
            self._is_busy = used_s - self._used_s > BUSY * (now - self._at)
            self._at, self._used_s = now, used_s
        return self._is_busy


def _in_time(batch: list[_Waiting]) -> list[_Waiting]:
    """Resolve the gifts whose deadline is over with DatabaseUnavailable; return the others."""
    now = asyncio.get_running_loop().time()
    for waiting in batch:
        if waiting.until <= now:
            waiting.resolve(DatabaseUnavailable())
    return [waiting for waiting in batch if waiting.until > now]


def _told(gift: PreparedGift, sent: SentGift) -> Told:
    text = sent.title if sent.count == 1 else f"{sent.count} × {sent.title}"
    return Told(Kind.GIFT, gift.sender.user_id, video_id=gift.video_id or 0, subject_id=sent.id, text=text)
