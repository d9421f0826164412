"""The snapshot that a joining socket gets first: the state of the stream, and a replay of the events it has missed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from control_plane.base.clock import iso_ms
from control_plane.base.ids import Seq, StreamId, UserId
from control_plane.live.figures import Gifter
from control_plane.streams.model import Status

REPLAY_LIMIT = 1000
"""Events that a resume may have missed; beyond it the client starts from the snapshot. Larger: one join reads and sends
more. Smaller: fewer clients can resume."""
REPLAY_LIMIT_BYTES = 512 << 10
"""Bytes of a replay; a thousand gifts fit. A replay is written at once, so the limit bounds the memory of a client that
resumes and reads nothing. Larger: such a client costs more. Smaller: fewer clients can resume."""

PlaybackUrl = Callable[[str], str]
"""Maps a stream's path to its playback URL."""


@dataclass(frozen=True, slots=True)
class Resume:
    """The position of a client that reconnects. Without an epoch only `after=0` resumes: a number alone may be that of
    an event that a restored backup has lost."""

    after: int
    epoch: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A stream and its log at one moment of the database: the figures include all events up to `last_seq`, and none
    after it."""

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
    """Whether `replay` holds every event after the last one that the client saw; otherwise it is empty."""
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
    """The stream in the first frame (`hello.stream`)."""

    id: StreamId
    user_id: UserId
    status: Status
    title: str
    started_at: str | None
    """Time of the first publish; None before it."""
    viewers: int
    likes: int
    coins: int
    playback_url: str
    top_gifters: Sequence[Gifter]
    pinned: None = None
    chat: tuple[()] = ()
    cohosts: tuple[()] = ()


def recovers(resume: Resume | None, epoch: str, last_seq: int, replayed: int) -> bool:
    """Whether a client may keep its state and continue with the replay, rather than start from the snapshot.

    False if there is no `after`, if the epoch is that of another log or missing (except with `after=0`), if `after` is
    beyond the newest event, if more than REPLAY_LIMIT events or REPLAY_LIMIT_BYTES were missed, or if the log no longer
    holds all missed events. A client that missed nothing recovers with an empty replay.
    """
    if resume is None:
        return False
    from_the_beginning = resume.epoch is None and resume.after == 0
    if resume.epoch != epoch and not from_the_beginning:
        return False
    missed = last_seq - resume.after
    return 0 <= missed <= REPLAY_LIMIT and replayed == missed
