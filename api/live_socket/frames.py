"""The frames of the live socket that belong to one socket; those that belong to the stream are in `control_plane.eventlog`."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Annotated, Any

import msgspec

from control_plane.accounts.caller import Caller
from control_plane.base.ids import LARGEST_ID, Seq, UserId
from control_plane.ledger.transfers import CLIENT_REF
from control_plane.live.audience import Audience, AudienceRole
from control_plane.live.snapshot import PlaybackUrl, Snapshot, StreamView
from control_plane.live.websocket import websocket_frame

FRAME_LIMIT_BYTES = 4 << 10
ID_LIMIT = 64
"""Characters of a client's `id` that an answer repeats, so that an answer is never much larger than any other."""


class CloseCode(IntEnum):
    GOING_AWAY = 1001
    """The server is going away, or cannot serve at this moment: come back with `after`, after 0–3 s at random."""
    TOO_BIG = 1009
    """A message of over 64 KiB (RFC 6455)."""
    FAILED = 1011
    """A fault of ours (RFC 6455)."""
    SIGN_IN = 4401
    FORBIDDEN = 4403
    NO_SUCH_STREAM = 4404
    ENDED = 4410
    TOO_MANY = 4429
    """Sockets from one address, or faulty frames."""
    TOO_SLOW = 4508

    @property
    def reason(self) -> str:
        """Goes with the code, for whoever looks at the connection: `no such stream`."""
        return self.name.lower().replace("_", " ")


# ── to the client ──


class You(msgspec.Struct, frozen=True):
    user_id: UserId | None
    role: AudienceRole
    muted_until: None = None

    @classmethod
    def of(cls, caller: Caller | None, audience: Audience) -> You:
        return cls(None if caller is None else caller.user_id, audience.role_of(caller))


class YouFrame(You, frozen=True, tag_field="type", tag="you"):
    """The answer to an `auth` that came after `hello`."""


class Hello(msgspec.Struct, frozen=True, tag_field="type", tag="hello"):
    epoch: str
    seq: Seq
    """Of the newest event at this moment. Missed events up to it follow at once, then what happens."""
    recovered: bool
    stream: StreamView
    you: You


def hello(snapshot: Snapshot, viewers: int, you: You, playback_url: PlaybackUrl) -> bytes:
    view = snapshot.view(viewers, playback_url)
    return msgspec.json.encode(Hello(snapshot.epoch, snapshot.last_seq, snapshot.recovered, view, you))


class Ack(msgspec.Struct, frozen=True, tag_field="type", tag="ack"):
    id: str
    seq: Seq


class Error(msgspec.Struct, frozen=True, tag_field="type", tag="error", omit_defaults=True):
    """`id`: the client's own, if its frame had one that could be read."""

    id: str | None = None
    code: str = ""
    message: str = ""
    retry_after_ms: int | None = None


def finished(frame: YouFrame | Ack | Error) -> bytes:
    return websocket_frame(msgspec.json.encode(frame))


# ── from the client ──


class Auth(msgspec.Struct, frozen=True, tag_field="type", tag="auth"):
    token: str

    def __repr__(self) -> str:
        return "Auth(…)"


class SendGift(msgspec.Struct, frozen=True, tag_field="type", tag="gift"):
    id: Annotated[str, msgspec.Meta(pattern=CLIENT_REF)]
    """Idempotency key, of the same space as that of the contract's `sendGift`."""
    gift_id: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)]
    count: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)] = 1


NOT_YET = frozenset({"chat", "like", "renew", "delete_chat", "mute", "ban", "pin", "slow_mode"})
"""Types that the protocol knows and this release does not."""


class Fault(StrEnum):
    """What is wrong with a frame itself, whoever sends it: ten of these in a minute end the socket."""

    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    UNKNOWN_TYPE = "unknown_type"
    INVALID = "invalid"
    RATE = "rate"
    NOT_SUPPORTED = "not_supported"


FAULTS = frozenset(Fault)


class _Envelope(msgspec.Struct):
    type: Any = None
    id: Any = None


_frames = msgspec.json.Decoder(Auth | SendGift)
_envelopes = msgspec.json.Decoder(_Envelope)


def parse(payload: bytes) -> Auth | SendGift | Error:
    """The frame, or the answer to one that is none."""
    if len(payload) > FRAME_LIMIT_BYTES:
        return Error(code=Fault.TOO_LARGE, message=f"A frame may have {FRAME_LIMIT_BYTES} bytes.")
    try:
        payload.decode()  # the decoder does not look into strings that it skips
        frame: Auth | SendGift = _frames.decode(payload)
        return frame
    except msgspec.ValidationError as error:
        return _what_is_wrong(payload, str(error))
    except _UNREADABLE:
        return _NOT_JSON


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NOT_JSON = Error(code=Fault.MALFORMED, message="This is not JSON.")


def _what_is_wrong(payload: bytes, error: str) -> Error:
    try:
        envelope = _envelopes.decode(payload)
    except msgspec.ValidationError:
        return Error(code=Fault.MALFORMED, message="A frame is one JSON object.")
    except _UNREADABLE:  # the first decoder stopped at its first fault; there is another behind it
        return _NOT_JSON
    id_ = envelope.id[:ID_LIMIT] if isinstance(envelope.id, str) else None
    if envelope.type in ("auth", "gift"):
        return Error(id_, Fault.INVALID, f"This frame is not valid: {error}.")
    if isinstance(envelope.type, str) and envelope.type in NOT_YET:
        return Error(id_, Fault.NOT_SUPPORTED, f"Frames of type {envelope.type!r} are not supported yet.")
    return Error(id_, Fault.UNKNOWN_TYPE, 'A frame has a `type` that we know, such as "auth" or "gift".')
