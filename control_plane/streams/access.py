"""May this client publish to, or read from, this path? A pure decision over what is known of the stream."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from control_plane.streams.keys import StreamKeys
from control_plane.streams.media.model import PathName, SourceId
from control_plane.streams.model import Stream, Visibility
from control_plane.streams.probing.keys import ProbeKeys


class Action(StrEnum):
    PUBLISH = "publish"
    READ = "read"


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """What a client asks of a path. `keys` is everything it offered that may be a stream key; one right key is enough."""

    action: Action
    path: PathName
    keys: tuple[str, ...]
    source_id: SourceId | None = None
    """The connection that asks. Its publisher will have this id; None where the media server gives none."""


class Verdict(StrEnum):
    """ALLOW, or the reason of the refusal: also the label under which it is counted and logged."""

    ALLOW = "allow"
    UNKNOWN_STREAM = "unknown_stream"
    KEY_MISSING = "key_missing"
    KEY_WRONG = "key_wrong"
    NOT_PUBLIC = "not_public"
    DATABASE_AWAY = "database_away"
    NOT_OURS = "not_ours"
    """Another action than publish and read: nothing of ours is served by it."""


def decide(
    request: AccessRequest,
    stream: Stream | None,
    keys: StreamKeys,
    *,
    current: bool,
    probe_keys: ProbeKeys | None = None,
) -> Verdict:
    """`stream` is the unfinished stream of this path, if there is one; `current` is False when what we know of it is too old to let a
    publisher in, who may have been banned meanwhile. Reads of public streams go on even then, and those of our own probe."""
    if stream is None or stream.ended:
        return Verdict.UNKNOWN_STREAM
    if request.action is Action.READ:
        return Verdict.ALLOW if _may_read(request, stream, probe_keys) else Verdict.NOT_PUBLIC
    if not request.keys:
        return Verdict.KEY_MISSING
    if not any(keys.verify(key, stream.id, stream.key_version, stream.key_salt) for key in request.keys):
        return Verdict.KEY_WRONG
    return Verdict.ALLOW if current else Verdict.DATABASE_AWAY


def _may_read(request: AccessRequest, stream: Stream, probe_keys: ProbeKeys | None) -> bool:
    if stream.visibility is Visibility.PUBLIC:
        return True
    if probe_keys is None:
        return False
    return any(probe_keys.verify(key, stream.id, stream.key_salt) for key in request.keys)
