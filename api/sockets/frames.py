"""Frames that all sockets share, the parser of clients' frames, and the close codes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from typing import Any, Generic, TypeVar

import msgspec

from api.contract.request import sentence
from api.sockets.websocket import websocket_frame

FRAME_LIMIT_BYTES = 4 << 10
"""Largest frame that is parsed. Smaller refuses long session tokens in `auth`; larger costs time on the event loop."""
ID_LIMIT = 64
"""Characters of a client's `id` that an error repeats. More: faulty frames cost larger answers. Fewer: an app cannot
match the error with its frame, whose valid ids have up to 64."""

F = TypeVar("F")


class CloseCode(IntEnum):
    GOING_AWAY = 1001
    """The server stops or is unavailable: reconnect after a random pause of 0 to 3 s."""
    TOO_BIG = 1009
    """A message of over 64 KiB (RFC 6455)."""
    FAILED = 1011
    """An internal error of the server (RFC 6455)."""
    SIGN_IN = 4401
    FORBIDDEN = 4403
    NO_SUCH_STREAM = 4404
    ENDED = 4410
    TOO_MANY = 4429
    """Too many sockets of one address or user, or too many faulty frames."""
    TOO_SLOW = 4508

    @property
    def reason(self) -> str:
        """The text in the close frame, for debugging: `no such stream`."""
        return self.name.lower().replace("_", " ")


# ── to the client ──


class ErrorFrame(msgspec.Struct, frozen=True, tag_field="type", tag="error", omit_defaults=True):
    """The answer to a frame that was refused. `id` is the one in the client's frame, if it could be read."""

    id: str | None = None
    code: str = ""
    message: str = ""
    retry_after_ms: int | None = None


def finished(frame: msgspec.Struct) -> bytes:
    return websocket_frame(msgspec.json.encode(frame))


# ── from the client ──


class Auth(msgspec.Struct, frozen=True, tag_field="type", tag="auth"):
    token: str

    def __repr__(self) -> str:
        return "Auth(…)"


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


_envelopes = msgspec.json.Decoder(_Envelope)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NOT_JSON = ErrorFrame(code=Fault.MALFORMED, message="This frame is not valid JSON.")


class Parser(Generic[F]):
    """Parses the frames of one kind of socket."""

    def __init__(self, decoder: msgspec.json.Decoder[F], models: Mapping[str, type], not_yet: frozenset[str]) -> None:
        """`models`: by the `type` of their frames. `not_yet`: types that a later release may have."""
        self._decoder = decoder
        self._models = models
        self._not_yet = not_yet
        self._known = " or ".join(f'"{type_}"' for type_ in models)

    def __call__(self, payload: bytes) -> F | ErrorFrame:
        """The frame, or the error to answer if it is not valid."""
        if len(payload) > FRAME_LIMIT_BYTES:
            return ErrorFrame(code=Fault.TOO_LARGE, message=f"A frame may have at most {FRAME_LIMIT_BYTES} bytes.")
        try:
            payload.decode()  # raises for invalid UTF-8, also in strings that the decoder skips
            return self._decoder.decode(payload)
        except msgspec.ValidationError as error:
            return self._what_is_wrong(payload, str(error))
        except _UNREADABLE:
            return _NOT_JSON

    def _what_is_wrong(self, payload: bytes, error: str) -> ErrorFrame:
        try:
            envelope = _envelopes.decode(payload)
        except msgspec.ValidationError:
            return ErrorFrame(code=Fault.MALFORMED, message="A frame must be one JSON object.")
        except _UNREADABLE:  # the first decoder stopped at an earlier fault
            return _NOT_JSON
        id_ = envelope.id[:ID_LIMIT] if isinstance(envelope.id, str) else None
        type_ = envelope.type if isinstance(envelope.type, str) else ""
        if model := self._models.get(type_):
            return ErrorFrame(id_, Fault.INVALID, f"This frame is not valid: {sentence(error, model)}")
        if type_ in self._not_yet:
            return ErrorFrame(id_, Fault.NOT_SUPPORTED, f"Frames of type {type_!r} are not supported yet.")
        return ErrorFrame(id_, Fault.UNKNOWN_TYPE, f"The `type` of this frame is unknown. Send {self._known}.")
