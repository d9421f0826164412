"""What is said to the launcher's process, and what comes back from the probes: a line of JSON each."""

from __future__ import annotations

import msgspec

from control_plane.streams.probing.model import ProbeResult


class Order(msgspec.Struct, frozen=True):
    """`deadline_s` counts from when it is begun. `picture`: whether one is wanted."""

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
    """The order's."""
    result: ProbeResult
    picture: bytes = b""
    """A JPEG, where the result says `pictured`."""


order_decoder = msgspec.json.Decoder(Order)
LARGEST_ANSWER_BYTES = 1 << 20
"""A picture has some 30 KB."""
answer_decoder = msgspec.json.Decoder(Answer)


def line(message: Order | Answer) -> bytes:
    return msgspec.json.encode(message) + b"\n"
