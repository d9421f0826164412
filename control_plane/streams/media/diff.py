"""The diff between the table of streams and the paths of the media server, as changes for the reconciler to apply.

Pure: no I/O, no tasks, nothing is written. Nearly all streams of a pass are unchanged and yield nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from control_plane.streams.media.model import MediaPath, MediaSource, PathName, Size, SourceId
from control_plane.streams.media.publisher import Publisher
from control_plane.streams.media.waits import Waits
from control_plane.streams.model import EndReason, Status, Stream


@dataclass(frozen=True, slots=True)
class Unknown:
    """A connection publishes that has not been looked up yet. Its key's version decides what follows."""

    stream: Stream
    path: MediaPath
    source: MediaSource


@dataclass(frozen=True, slots=True)
class Online:
    """Another connection publishes than the stream's row has."""

    stream: Stream
    publisher: Publisher


@dataclass(frozen=True, slots=True)
class Outdated:
    """The publisher was admitted with a key that has been revoked since."""

    stream: Stream
    source: MediaSource


@dataclass(frozen=True, slots=True)
class Turned:
    """The publisher's picture has another shape than viewers by HLS get."""

    stream: Stream
    publisher: Publisher
    size: Size


@dataclass(frozen=True, slots=True)
class Missing:
    """The stream's publisher is not in the listing, which is not of one moment: it may still be there."""

    stream: Stream
    source_id: SourceId


@dataclass(frozen=True, slots=True)
class Overdue:
    """The stream has waited for its publisher for too long."""

    stream: Stream
    reason: EndReason


@dataclass(frozen=True, slots=True)
class Stranger:
    """A publisher whose path belongs to no unfinished stream: it was ended, or its user banned, between authorization
    and first frame."""

    path: MediaPath
    source: MediaSource


Change = Unknown | Online | Outdated | Turned | Missing | Overdue | Stranger


def path_of(change: Change) -> PathName:
    return change.path.name if isinstance(change, Stranger) else change.stream.path


def diff(
    streams: Iterable[Stream],
    online: Mapping[PathName, MediaPath],
    publishers: Mapping[SourceId, Publisher],
    waits: Waits,
    now: float,
    never_published_s: float,
) -> Iterator[Change]:
    """`online`: the paths on which media arrives. `publishers`: those that were looked up. `now`: of the clock of
    `waits`."""
    for stream in streams:
        path = online.get(stream.path)
        if path is not None and path.source is not None:
            change: Change | None = _published(stream, path, path.source, publishers.get(path.source.id))
        elif stream.source_id is not None:
            change = Missing(stream, stream.source_id)
        else:
            change = _waiting(stream, waits.waited_s(stream, now), never_published_s)
        if change is not None:
            yield change


def strangers(
    online: Mapping[PathName, MediaPath], stream_of: Callable[[PathName], Stream | None]
) -> Iterator[Stranger]:
    for path in online.values():
        if path.source is not None and stream_of(path.name) is None:
            yield Stranger(path, path.source)


def _published(stream: Stream, path: MediaPath, source: MediaSource, publisher: Publisher | None) -> Change | None:
    if publisher is None:
        return Unknown(stream, path, source)
    if publisher.is_outdated(stream.key_version):
        return Outdated(stream, source)
    if path.size is not None and publisher.has_turned(path.size):
        return Turned(stream, publisher, path.size)
    return None if stream.source_id == source.id else Online(stream, publisher)


def _waiting(stream: Stream, waited_s: float, never_published_s: float) -> Overdue | None:
    if stream.status is Status.INTERRUPTED:
        return Overdue(stream, EndReason.GRACE_OVER) if waited_s >= stream.grace_s else None
    return Overdue(stream, EndReason.NEVER_PUBLISHED) if waited_s >= never_published_s else None
