"""What is said to the launcher's process, and what comes back from the probes: a line of JSON each."""

from __future__ import annotations

import msgspec

from control_plane.streams.probe import ProbeResult


class Order(msgspec.Struct, frozen=True):
    """`deadline_s` counts from when it is begun. `picture`: the file to write, "" for none."""

    number: int
    whep_url: str
    hls_url: str
    key: str
    deadline_s: float
    picture: str = ""

    def __repr__(self) -> str:
        return f"Order({self.whep_url!r})"


class Answer(msgspec.Struct, frozen=True):
    number: int
    """The order's."""
    result: ProbeResult


order_decoder = msgspec.json.Decoder(Order)
answer_decoder = msgspec.json.Decoder(Answer)


def line(message: Order | Answer) -> bytes:
    """An answer's is far shorter than what a pipe takes in one piece (4 KiB; a socket more): several processes may write to the same one."""
    return msgspec.json.encode(message) + b"\n"
