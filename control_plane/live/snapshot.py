"""What somebody who joins a stream is told first: how the stream stands, and what they have missed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from control_plane.base.clock import iso_ms
from control_plane.base.ids import Seq, StreamId, UserId
from control_plane.eventlog.types import Gifter, Status

REPLAY_LIMIT = 1000
REPLAY_LIMIT_BYTES = 512 << 10
"""A thousand gifts fit. It is written at once, so it bounds what a socket costs that asks for everything and reads nothing."""

PlaybackUrl = Callable[[str], str]
"""From a stream's path to where it plays."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Where somebody who comes back left off. Without an epoch only `after=0` resumes: a number alone may be that of an event which was lost
    with a restored backup."""

    after: int
    epoch: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A stream and its log at one moment of the database: whatever number `last_seq` has reached is in the figures, and nothing after it."""

    stream_id: StreamId
    user_id: UserId
    path: str
    status: Status
    title: str
    live_at: dt.datetime | None
    likes: int
    coins: int
    top_gifters: Sequence[Gifter]
    epoch: str
    last_seq: Seq
    closed: bool
    recovered: bool
    """The replay holds every event after the one that the reader saw last; otherwise it is empty."""
    replay: Sequence[str]

    def view(self, viewers: int, playback_url: PlaybackUrl) -> StreamView:
        return StreamView(
            id=self.stream_id,
            user_id=self.user_id,
            status=self.status,
            title=self.title,
            started_at=None if self.live_at is None else iso_ms(self.live_at),
            viewers=viewers,
            likes=self.likes,
            coins=self.coins,
            playback_url=playback_url(self.path),
            top_gifters=self.top_gifters,
        )


class StreamView(msgspec.Struct, frozen=True, kw_only=True):
    """`hello.stream`."""

    id: StreamId
    user_id: UserId
    status: Status
    title: str
    started_at: str | None
    """Of the first publish; none before it."""
    viewers: int
    likes: int
    coins: int
    playback_url: str
    top_gifters: Sequence[Gifter]
    pinned: None = None
    chat: tuple[()] = ()
    cohosts: tuple[()] = ()


def recovers(resume: Resume | None, epoch: str, last_seq: int, replayed: int) -> bool:
    """Whether a reader may keep what they have and go on with the replay, rather than start from the snapshot.

    Not if there is nothing to go on from (no `after`), the numbers belong to another log (epoch), may do so (no epoch, and not from the
    beginning), or belong to none (beyond the newest), more than 1000 events or 512 KiB were missed, or the log no longer holds them all.
    Somebody who missed nothing has recovered, with an empty replay.
    """
    if resume is None:
        return False
    from_the_beginning = resume.epoch is None and resume.after == 0
    if resume.epoch != epoch and not from_the_beginning:
        return False
    missed = last_seq - resume.after
    return 0 <= missed <= REPLAY_LIMIT and replayed == missed
