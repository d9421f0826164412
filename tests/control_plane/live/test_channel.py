"""Joining a stream, in every order of commits, offers, snapshots and writes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from control_plane.base.errors import InvariantBroken
from control_plane.base.ids import Seq, StreamId, UserId
from control_plane.eventlog.encoding import encode_event
from control_plane.eventlog.types import EventType
from control_plane.live.channel import EARLY_LIMIT, Channel, Counts
from control_plane.live.snapshot import Snapshot
from control_plane.live.subscriber import Subscriber
from control_plane.streams.events import StatusChange
from control_plane.streams.model import Status
from tests.control_plane.live.readers import Reader, line

HOST = UserId(7)
NOON = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)


def frame(seq: int) -> str:
    return encode_event(EventType.STATUS, Seq(seq), NOON, StatusChange(Status.LIVE))


def snapshot(last_seq: int) -> Snapshot:
    return Snapshot(
        stream_id=StreamId(1),
        user_id=HOST,
        path="live/1",
        status=Status.LIVE,
        title="",
        live_at=NOON,
        likes=0,
        coins=0,
        top_gifters=[],
        epoch="k3f9",
        last_seq=Seq(last_seq),
        closed=False,
        recovered=False,
        replay=[],
    )


class Joining:
    """A reader that is joining. `read` is the newest event of its snapshot while that has not arrived."""

    def __init__(self, channel: Channel) -> None:
        self.reader = Reader()
        self.subscriber = Subscriber(channel.stream_id, self.reader, None)
        self.read: int | None = None
        self.joined_at: int | None = None
        channel.attach(self.subscriber)


class World:
    """A log, its channel in one process, and readers; each step is one that the event loop may take at any time."""

    def __init__(self) -> None:
        self.committed = 0
        self.channel = Channel(StreamId(1), Counts(), line)
        self.readers: list[Joining] = []
        self.round: Iterator[int] = iter(())

    def commit(self, random: Random) -> None:
        self.committed += 1

    def offer(self, random: Random) -> None:
        """Offer any committed events, again or for the first time."""
        if self.committed:
            first = random.randint(1, self.committed)
            self.channel.take(first, [frame(seq) for seq in range(first, random.randint(first, self.committed) + 1)])

    def read_the_log(self, random: Random) -> None:
        if self.channel.seq is not None:
            self.channel.take(
                self.channel.seq + 1, [frame(seq) for seq in range(self.channel.seq + 1, self.committed + 1)]
            )

    def attach(self, random: Random) -> None:
        self.readers.append(Joining(self.channel))

    def read_a_snapshot(self, random: Random) -> None:
        for joining in self._some(random, [each for each in self.readers if each.joined_at is None]):
            if joining.read is None:
                joining.read = self.committed

    def admit(self, random: Random) -> None:
        for joining in self._some(random, [each for each in self.readers if each.read is not None]):
            assert joining.read is not None
            if self.channel.admit(joining.subscriber, snapshot(joining.read)):
                joining.joined_at = joining.read
                joining.reader.write(b"".join(joining.subscriber.held))
            joining.read = None

    def write(self, random: Random) -> None:
        for _ in range(random.randint(1, 3)):
            if next(self.round, None) is None:
                self.round = self.channel.writes()

    def _some(self, random: Random, among: list[Joining]) -> list[Joining]:
        return random.sample(among, min(len(among), 1))

    def settle(self, random: Random) -> None:
        while any(joining.joined_at is None for joining in self.readers):
            self.read_a_snapshot(random)
            self.admit(random)
        self.read_the_log(random)
        for _ in self.round:
            pass
        for _ in self.channel.writes():
            pass


STEPS = (
    World.commit,
    World.offer,
    World.read_the_log,
    World.attach,
    World.read_a_snapshot,
    World.admit,
    World.write,
)


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.sampled_from(STEPS), min_size=10, max_size=80), st.randoms(use_true_random=False))
def test_every_reader_gets_what_follows_its_snapshot_without_gap_or_repeat(steps: list, random: Random) -> None:  # type: ignore[type-arg]
    world = World()
    for step in steps:
        step(world, random)
    world.settle(random)
    for joining in world.readers:
        assert joining.joined_at is not None
        assert joining.reader.seqs == list(range(joining.joined_at + 1, world.committed + 1))


def test_a_snapshot_older_than_what_opened_the_channel_is_refused() -> None:
    channel = Channel(StreamId(1), Counts(), line)
    early, late = Joining(channel), Joining(channel)
    assert channel.admit(late.subscriber, snapshot(10))
    channel.take(11, [frame(11)])
    assert not channel.admit(early.subscriber, snapshot(8))  # nobody holds 9 and 10 for it
    assert channel.admit(early.subscriber, snapshot(10))
    assert len(early.subscriber.held) == 1


def test_what_came_too_early_is_kept_until_its_turn() -> None:
    channel = Channel(StreamId(1), Counts(), line)
    channel.take(3, [frame(3)])
    joining = Joining(channel)
    assert channel.admit(joining.subscriber, snapshot(1))
    assert (channel.seq, channel.has_gap) == (1, True)
    channel.take(2, [frame(2)])
    assert (channel.seq, channel.has_gap) == (3, False)


def test_what_the_first_snapshot_holds_already_is_no_gap() -> None:
    channel = Channel(StreamId(1), Counts(), line)
    joining = Joining(channel)
    channel.take(3, [frame(3)])
    assert channel.admit(joining.subscriber, snapshot(5))
    assert (channel.seq, channel.has_gap, joining.subscriber.held) == (5, False, [])


def test_the_next_event_is_taken_however_many_came_too_early() -> None:
    channel = Channel(StreamId(1), Counts(), line)
    assert channel.admit(Joining(channel).subscriber, snapshot(0))
    last = EARLY_LIMIT + 10
    channel.take(2, [frame(seq) for seq in range(2, last + 1)])
    assert channel.seq == 0
    channel.take(1, [frame(1), frame(2), frame(3)])
    assert channel.seq == EARLY_LIMIT + 1, "those beyond were not kept"
    channel.take(EARLY_LIMIT + 2, [frame(seq) for seq in range(EARLY_LIMIT + 2, last + 1)])
    assert (channel.seq, channel.has_gap) == (last, False)


def test_a_gap_in_what_a_socket_gets_is_an_error() -> None:
    channel = Channel(StreamId(1), Counts(), line)
    joining = Joining(channel)
    assert channel.admit(joining.subscriber, snapshot(5))
    joining.subscriber.seq = Seq(3)
    channel.take(6, [frame(6)])
    with pytest.raises(InvariantBroken, match="socket at event 3, but the next frame is that of event 6"):
        list(channel.writes())
    assert joining.reader.writes == []
