"""Messages between the control plane and the probe launcher: orders and answers, one line of JSON each."""

from __future__ import annotations

import msgspec

from control_plane.streams.probing.model import ProbeResult


class Order(msgspec.Struct, frozen=True):
    """Request for one probe. `deadline_s` counts from its start. `picture`: return a thumbnail as well."""

    number: int
    whep_url: str
    hls_url: str
    key: str
    deadline_s: float
    picture: bool = False

    def __repr__(self) -> str:
        return f"Order({self.whep_url!r})"


class Answer(msgspec.Struct, frozen=True):
    number: int
    """Number of the order that it answers."""
    result: ProbeResult
    picture: bytes = b""
    """A JPEG if the result has `pictured`, else empty."""


order_decoder = msgspec.json.Decoder(Order)
LARGEST_ANSWER_BYTES = 1 << 20
"""A picture has about 30 KB. A probe that writes more is killed."""
answer_decoder = msgspec.json.Decoder(Answer)


def line(message: Order | Answer) -> bytes:
    return msgspec.json.encode(message) + b"\n"
