"""Authorization: may this client publish to, or read from, this path? A pure function of the stream and the offered
keys."""

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
    """A client's request for a path. `keys` holds everything it offered that may be a stream key; one valid key is
    enough."""

    action: Action
    path: PathName
    keys: tuple[str, ...]
    source_id: SourceId | None = None
    """The connection that asks; its publisher will have the same id. None if the media server gives no id."""
    protocol: str = ""
    """The connection's protocol, as the media server names it: rtmp, srt, webrtc, ..."""


class Verdict(StrEnum):
    """ALLOW, or the reason of the refusal. Also the label in metrics and logs."""

    ALLOW = "allow"
    UNKNOWN_STREAM = "unknown_stream"
    KEY_MISSING = "key_missing"
    KEY_WRONG = "key_wrong"
    NOT_PUBLIC = "not_public"
    DATABASE_AWAY = "database_away"
    NOT_OURS = "not_ours"
    """An action other than publish and read; Stagedoor uses no other."""


def decide(
    request: AccessRequest,
    stream: Stream | None,
    keys: StreamKeys,
    *,
    current: bool,
    probe_keys: ProbeKeys | None = None,
) -> Verdict:
    """Decide one request, without I/O.

    `stream`: the unfinished stream of this path, if there is one. `current`: False if the table of streams is too old
    to admit a publisher, because the publisher may have been banned since. Reads of public streams, and of this
    installation's probes, are allowed even then.
    """
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
