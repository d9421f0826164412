"""Frames of the live socket: those for one socket, those of clients and their parser, and the close codes. The events
of a stream are in `control_plane/streams/events.py` and `control_plane/gifts/events.py`."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Annotated, Any

import msgspec

from api.contract.request import sentence
from api.live_socket.websocket import websocket_frame
from control_plane.accounts.caller import Caller
from control_plane.base.ids import LARGEST_ID, Seq, UserId
from control_plane.ledger.transfers import CLIENT_REF, CLIENT_REF_RULE
from control_plane.live.audience import Audience, AudienceRole
from control_plane.live.snapshot import PlaybackUrl, Snapshot, StreamView

FRAME_LIMIT_BYTES = 4 << 10
"""Largest frame that is parsed. Smaller refuses long session tokens in `auth`; larger costs time on the event loop."""
ID_LIMIT = 64
"""Characters of a client's `id` that an error repeats. More: faulty frames cost larger answers. Fewer: an app cannot
match the error with its frame, whose valid ids have up to 64."""


class CloseCode(IntEnum):
    GOING_AWAY = 1001
    """The server stops or is unavailable: reconnect with `after`, after a random pause of 0 to 3 s."""
    TOO_BIG = 1009
    """A message of over 64 KiB (RFC 6455)."""
    FAILED = 1011
    """An internal error of the server (RFC 6455)."""
    SIGN_IN = 4401
    FORBIDDEN = 4403
    NO_SUCH_STREAM = 4404
    ENDED = 4410
    TOO_MANY = 4429
    """Too many sockets from one address, or too many faulty frames."""
    TOO_SLOW = 4508

    @property
    def reason(self) -> str:
        """The text in the close frame, for debugging: `no such stream`."""
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
    """The answer to an `auth` frame that was sent after `hello`."""


class Hello(msgspec.Struct, frozen=True, tag_field="type", tag="hello"):
    epoch: str
    seq: Seq
    """`seq` of the newest event. Missed events up to it follow at once, then new events."""
    recovered: bool
    stream: StreamView
    you: You


def hello(snapshot: Snapshot, viewers: int, you: You, playback_url: PlaybackUrl) -> bytes:
    view = snapshot.view(viewers, playback_url)
    return msgspec.json.encode(Hello(snapshot.epoch, snapshot.last_seq, snapshot.recovered, view, you))


class Ack(msgspec.Struct, frozen=True, tag_field="type", tag="ack"):
    id: str
    seq: Seq


class ErrorFrame(msgspec.Struct, frozen=True, tag_field="type", tag="error", omit_defaults=True):
    """The answer to a frame that was refused. `id` is the one in the client's frame, if it could be read."""

    id: str | None = None
    code: str = ""
    message: str = ""
    retry_after_ms: int | None = None


def finished(frame: YouFrame | Ack | ErrorFrame) -> bytes:
    return websocket_frame(msgspec.json.encode(frame))


# ── from the client ──


class Auth(msgspec.Struct, frozen=True, tag_field="type", tag="auth"):
    token: str

    def __repr__(self) -> str:
        return "Auth(…)"


class SendGift(msgspec.Struct, frozen=True, tag_field="type", tag="gift"):
    id: Annotated[str, msgspec.Meta(pattern=CLIENT_REF, extra={"must": f"must have {CLIENT_REF_RULE}"})]
    """Idempotency key. Keys are shared with `client_ref` of `sendGift`."""
    gift_id: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)]
    count: Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)] = 1


NOT_YET = frozenset({"chat", "like", "renew", "delete_chat", "mute", "ban", "pin", "slow_mode"})
"""Frame types of the protocol that this release does not support."""


class Fault(StrEnum):
    """Error codes of faulty frames. Ten of them in a minute close the socket."""

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


def parse(payload: bytes) -> Auth | SendGift | ErrorFrame:
    """The frame, or the error to answer if it is not valid."""
    if len(payload) > FRAME_LIMIT_BYTES:
        return ErrorFrame(code=Fault.TOO_LARGE, message=f"A frame may have at most {FRAME_LIMIT_BYTES} bytes.")
    try:
        payload.decode()  # raises for invalid UTF-8, also in strings that the decoder skips
        frame: Auth | SendGift = _frames.decode(payload)
        return frame
    except msgspec.ValidationError as error:
        return _what_is_wrong(payload, str(error))
    except _UNREADABLE:
        return _NOT_JSON


_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NOT_JSON = ErrorFrame(code=Fault.MALFORMED, message="This frame is not valid JSON.")


def _what_is_wrong(payload: bytes, error: str) -> ErrorFrame:
    try:
        envelope = _envelopes.decode(payload)
    except msgspec.ValidationError:
        return ErrorFrame(code=Fault.MALFORMED, message="A frame must be one JSON object.")
    except _UNREADABLE:  # the first decoder stopped at an earlier fault
        return _NOT_JSON
    id_ = envelope.id[:ID_LIMIT] if isinstance(envelope.id, str) else None
    if envelope.type in ("auth", "gift"):
        model = Auth if envelope.type == "auth" else SendGift
        return ErrorFrame(id_, Fault.INVALID, f"This frame is not valid: {sentence(error, model)}")
    if isinstance(envelope.type, str) and envelope.type in NOT_YET:
        return ErrorFrame(id_, Fault.NOT_SUPPORTED, f"Frames of type {envelope.type!r} are not supported yet.")
    return ErrorFrame(id_, Fault.UNKNOWN_TYPE, 'The `type` of this frame is unknown. Send "auth" or "gift".')
