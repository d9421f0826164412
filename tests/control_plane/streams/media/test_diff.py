"""The diff as a table: a stream, what the media server lists, what is known of the publisher, and the change."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import pytest

from control_plane.streams.media.diff import (
    Change,
    Missing,
    Online,
    Outdated,
    Overdue,
    Stranger,
    Turned,
    Unknown,
    diff,
    strangers,
)
from control_plane.streams.media.model import MediaConnection, MediaPath, MediaSource, PathName, Size, SourceId
from control_plane.streams.media.publisher import Publisher
from control_plane.streams.media.waits import Waits
from control_plane.streams.model import EndReason, Status, Stream
from tests.control_plane.streams.samples import stream

NOW = 1000.0
NEVER_PUBLISHED_S = 600
GRACE_S = 60
A, B = (MediaSource("rtmpConn", SourceId(name)) for name in "ab")
PORTRAIT, LANDSCAPE = (720, 1280), (1280, 720)

CREATED = stream(grace_s=GRACE_S)
LIVE = stream(status=Status.LIVE, source_id=A.id)
ROTATED = stream(status=Status.LIVE, source_id=A.id, key_version=2)
INTERRUPTED = stream(
    status=Status.INTERRUPTED, grace_s=GRACE_S, interrupted_at=dt.datetime(2026, 1, 31, 13, tzinfo=dt.UTC)
)
INTERRUPTED_BEFORE = stream(
    status=Status.INTERRUPTED, grace_s=GRACE_S, interrupted_at=dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC)
)


def listed(source: MediaSource, size: Size | None = None) -> MediaPath:
    return MediaPath(CREATED.path, True, source, 0, size=size)


def publisher(
    source: MediaSource, version: int | None = 1, size: Size | None = None, may_turn: bool = True
) -> Publisher:
    connection = MediaConnection(source, CREATED.created_at, "10.0.0.1:5000", "rtmp", "FMLE/3.0", 0)
    return Publisher(connection, version, size=size, may_turn=may_turn)


def waited(stream: Stream, seconds: float) -> Waits:
    waits = Waits()
    waits.note(stream, NOW - seconds, watched=False)
    return waits


@dataclass
class Case:
    stream: Stream
    path: MediaPath | None = None
    known: Publisher | None = None
    waits: Waits = field(default_factory=Waits)
    change: Change | None = None


UPRIGHT = publisher(A, size=PORTRAIT)
CASES = {
    "live, as it was": Case(LIVE, listed(A), publisher(A)),
    "live, as it was, with a picture": Case(LIVE, listed(A, PORTRAIT), UPRIGHT),
    "live, with its first picture": Case(LIVE, listed(A, PORTRAIT), publisher(A)),
    "live, scaled": Case(LIVE, listed(A, (360, 640)), UPRIGHT),
    "live, after a restart of ours": Case(LIVE, listed(A), None, change=Unknown(LIVE, listed(A), A)),
    "a publisher came": Case(CREATED, listed(A), None, change=Unknown(CREATED, listed(A), A)),
    "a publisher came and was looked up": Case(CREATED, listed(A), UPRIGHT, change=Online(CREATED, UPRIGHT)),
    "a publisher returned": Case(INTERRUPTED, listed(A), UPRIGHT, change=Online(INTERRUPTED, UPRIGHT)),
    "a publisher returned after the grace time": Case(
        INTERRUPTED, listed(A), UPRIGHT, waited(INTERRUPTED, GRACE_S), Online(INTERRUPTED, UPRIGHT)
    ),
    "a take-over": Case(LIVE, listed(B), None, change=Unknown(LIVE, listed(B), B)),
    "the key was rotated": Case(ROTATED, listed(A), publisher(A, 1), change=Outdated(ROTATED, A)),
    "with the new key": Case(ROTATED, listed(A), publisher(A, 2)),
    "with a key newer than the row": Case(LIVE, listed(A), publisher(A, 2)),
    "with an unknown key": Case(LIVE, listed(A), publisher(A, None), change=Outdated(LIVE, A)),
    "turned": Case(LIVE, listed(A, LANDSCAPE), UPRIGHT, change=Turned(LIVE, UPRIGHT, LANDSCAPE)),
    "turned, and may not": Case(LIVE, listed(A, LANDSCAPE), publisher(A, size=PORTRAIT, may_turn=False)),
    "turned, with an old key": Case(
        ROTATED, listed(A, LANDSCAPE), publisher(A, 1, size=PORTRAIT), change=Outdated(ROTATED, A)
    ),
    "gone from the listing": Case(LIVE, None, publisher(A), change=Missing(LIVE, A.id)),
    "created just now": Case(CREATED),
    "created, waits": Case(CREATED, waits=waited(CREATED, NEVER_PUBLISHED_S - 0.1)),
    "never published": Case(
        CREATED, waits=waited(CREATED, NEVER_PUBLISHED_S), change=Overdue(CREATED, EndReason.NEVER_PUBLISHED)
    ),
    "interrupted, waits": Case(INTERRUPTED, waits=waited(INTERRUPTED, GRACE_S - 0.1)),
    "interrupted for too long": Case(
        INTERRUPTED, waits=waited(INTERRUPTED, GRACE_S), change=Overdue(INTERRUPTED, EndReason.GRACE_OVER)
    ),
    "interrupted again": Case(INTERRUPTED, waits=waited(INTERRUPTED_BEFORE, GRACE_S)),
    "interrupted, after it was created long ago": Case(INTERRUPTED, waits=waited(CREATED, NEVER_PUBLISHED_S)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_stream_has_one_change_or_none(case: Case) -> None:
    online = {} if case.path is None else {case.path.name: case.path}
    known = {} if case.known is None else {case.known.connection.source.id: case.known}
    changes = list(diff([case.stream], online, known, case.waits, NOW, NEVER_PUBLISHED_S))
    assert changes == ([] if case.change is None else [case.change])


def test_of_many_streams_only_the_changed_ones_are_named_and_nothing_is_written() -> None:
    numbers = range(100, 109)
    quiet = [stream(id=n, path=f"live/{n}", status=Status.LIVE, source_id=f"s{n}") for n in numbers]
    sources = [MediaSource("rtmpConn", SourceId(f"s{n}")) for n in numbers]
    online = {row.path: MediaPath(row.path, True, source, 5) for row, source in zip(quiet, sources, strict=True)}
    known = {source.id: publisher(source) for source in sources}
    waits, before = Waits(), {source_id: repr(of) for source_id, of in known.items()}
    del online[PathName("live/104")]
    changes = list(diff([*quiet, CREATED], online, known, waits, NOW, NEVER_PUBLISHED_S))
    assert changes == [Missing(quiet[4], SourceId("s104"))]
    assert {source_id: repr(of) for source_id, of in known.items()} == before
    assert waits == Waits()


def test_a_path_of_no_stream_is_a_stranger() -> None:
    elsewhere = MediaPath(PathName("elsewhere"), True, B, 0)
    online = {CREATED.path: listed(A), elsewhere.name: elsewhere}
    assert list(strangers(online, {CREATED.path: CREATED}.get)) == [Stranger(elsewhere, B)]


def test_viewers_restart_the_wait_of_an_unpublished_stream_only() -> None:
    for row, left in ((CREATED, 0), (INTERRUPTED, 50)):
        waits = waited(row, 50)
        waits.note(row, NOW, watched=True)
        assert waits.waited_s(row, NOW) == left
