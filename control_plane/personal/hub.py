"""Delivers what is new to the sockets of its user: inbox entries, and what other domains register a reader for.

A message of the bus only names a user. The hub then reads what is newer than the position up to which it has delivered,
so that nothing is delivered twice and order is that of the database. A lost message is repaired by the next one, by a
reconnect of the bus, and by a sweep over all users with sockets, in one query.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import msgspec

from control_plane.base.ids import UserId
from control_plane.bus.model import Bus, Topic
from control_plane.db.pool import Database, DatabaseUnavailable

log = logging.getLogger(__name__)

SWEEP_S = 5.0
"""Time between two sweeps. Longer: what a lost message named arrives later. Shorter: more queries."""
USERS = 500
"""Users read at once. More: their events block the event loop for longer. Fewer: more queries."""
WRITES = 16
"""Frames written before other tasks run, about 10 µs each."""
RETRY_S = 0.5
"""Pause after the database was unavailable."""

Position: TypeAlias = Any
"""How far a reader has read for a user. Only the reader looks into it."""
Frame = Callable[[str], bytes]
"""An event as JSON, in the language of a socket (`de-DE`, or empty)."""


class News(msgspec.Struct, frozen=True):
    """What a reader found for a user."""

    position: Position
    frames: Sequence[Frame]


class Reader(Protocol):
    """Reads one kind of event, for many users in a fixed number of queries."""

    name: str
    """The key of its part of the first frame."""

    async def start(self, database: Database, user_id: UserId) -> Position:
        """The position of a user who has no socket yet: what comes after it is news."""
        ...

    def state(self, position: Position) -> Any:
        """Its part of the first frame."""
        ...

    async def read(self, database: Database, positions: Mapping[UserId, Position]) -> Mapping[UserId, News]:
        """The users with something new."""
        ...


class PersonalSink(Protocol):
    def answer(self, text: bytes) -> None:
        """Send a JSON text. It neither waits nor raises, and closes a socket that is too slow."""
        ...


@dataclass(eq=False, slots=True)
class PersonalSubscriber:
    user_id: UserId
    sink: PersonalSink
    language: str


@dataclass(eq=False, slots=True)
class _Person:
    subscribers: list[PersonalSubscriber] = field(default_factory=list)
    positions: dict[str, Position] = field(default_factory=dict)
    starting: asyncio.Lock = field(default_factory=asyncio.Lock)
    joining: int = 0
    """Sockets that wait for the first positions."""


class PersonalHub:
    """`run` delivers. All other methods return at once, except `join`, which may read the database."""

    def __init__(self, database: Database, *, sweep_s: float = SWEEP_S) -> None:
        self._database = database
        self._sweep_s = sweep_s
        self._readers: list[Reader] = []
        self._people: dict[UserId, _Person] = {}
        self._changed: set[UserId] = set()
        self._wake = asyncio.Event()
        self.delivered = 0
        """Events × sockets since the start."""

    def register(self, reader: Reader) -> None:
        """Called before the first socket joins."""
        self._readers.append(reader)

    def follow(self, bus: Bus) -> None:
        for topic in (Topic.PERSON, Topic.BLOCK):  # a block hides entries, and what other readers show
            bus.subscribe(topic, lambda message: self.changed(UserId(message.id)))
        bus.on_resync(self.check)

    def sockets(self, user_id: UserId | None = None) -> int:
        """Number of sockets of one user, or of all."""
        if user_id is not None:
            person = self._people.get(user_id)
            return len(person.subscribers) if person else 0
        return sum(len(person.subscribers) for person in self._people.values())

    async def join(self, user_id: UserId, sink: PersonalSink, language: str) -> PersonalSubscriber:
        """Subscribe a socket: write the first frame, and from then on every event. The caller must call `leave`. Raises
        DatabaseUnavailable."""
        person = self._people.setdefault(user_id, _Person())
        subscriber = PersonalSubscriber(user_id, sink, language)
        person.joining += 1
        try:
            async with person.starting:
                for reader in self._readers:
                    if reader.name not in person.positions:
                        person.positions[reader.name] = await reader.start(self._database, user_id)
            # No await from here on: what is delivered later follows the first frame.
            person.subscribers.append(subscriber)
        finally:
            person.joining -= 1
            self._drop_if_empty(user_id, person)
        state = {reader.name: reader.state(person.positions[reader.name]) for reader in self._readers}
        sink.answer(msgspec.json.encode({"type": "hello", "user_id": user_id, **state}))
        self.changed(user_id)  # the position of the other sockets may be old, if a message was lost
        return subscriber

    def leave(self, subscriber: PersonalSubscriber) -> None:
        person = self._people.get(subscriber.user_id)
        if person is not None and subscriber in person.subscribers:
            person.subscribers.remove(subscriber)
            self._drop_if_empty(subscriber.user_id, person)

    def _drop_if_empty(self, user_id: UserId, person: _Person) -> None:
        if not person.subscribers and not person.joining:
            del self._people[user_id]

    def changed(self, user_id: UserId) -> None:
        """The user may have something new to read."""
        if user_id in self._people:
            self._changed.add(user_id)
            self._wake.set()

    def check(self) -> None:
        """Messages may have been lost: all users may have something new to read."""
        self._changed |= self._people.keys()
        self._wake.set()

    async def run(self) -> None:
        """Run until cancelled. An unavailable database only delays."""
        away = False
        while True:
            try:
                async with asyncio.timeout(self._sweep_s):
                    await self._wake.wait()
            except TimeoutError:
                self.check()
            self._wake.clear()
            changed, self._changed = sorted(self._changed), set()
            try:
                for start in range(0, len(changed), USERS):
                    await self._deliver(changed[start : start + USERS])
                away = False
            except DatabaseUnavailable:
                if not away:
                    log.warning("personal_hub_waits_for_the_database")
                away = True
                self._changed |= set(changed)
                self._wake.set()
                await asyncio.sleep(RETRY_S)

    async def _deliver(self, user_ids: Sequence[UserId]) -> None:
        for reader in self._readers:
            positions = {
                user_id: person.positions[reader.name]
                for user_id in user_ids
                if (person := self._people.get(user_id)) and reader.name in person.positions
            }
            if not positions:
                continue
            writes = 0
            for user_id, news in (await reader.read(self._database, positions)).items():
                person = self._people.get(user_id)
                if person is None or person.positions.get(reader.name) is not positions[user_id]:
                    continue  # its sockets have left, and others have joined, while it was read
                person.positions[reader.name] = news.position
                writes += self._write(person, news)
                if writes >= WRITES:
                    writes = 0
                    await asyncio.sleep(0)

    def _write(self, person: _Person, news: News) -> int:
        by_language: dict[str, list[PersonalSubscriber]] = {}
        for subscriber in person.subscribers:
            by_language.setdefault(subscriber.language, []).append(subscriber)
        written = 0
        for frame in news.frames:
            for language, subscribers in by_language.items():
                text = frame(language)
                for subscriber in subscribers:
                    subscriber.sink.answer(text)
                written += len(subscribers)
        self.delivered += written
        return written
