"""A publisher's connection as the reconciler knows it: its key version, and whether its picture has turned."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.streams.media.model import MediaConnection, Size

RETURNING = frozenset({"rtmp", "rtmps", "srt"})
"""Protocols whose encoders reconnect by themselves. A browser that publishes by WHIP does not."""
SHAPE_TOLERANCE = 0.05
"""Sizes whose proportions differ by less have the same shape: encoders round sizes to even numbers or to 16, and scale
them to the network. Larger: a picture that has turned is not noticed. Smaller: rounding disconnects a publisher."""


@dataclass(slots=True)
class Publisher:
    connection: MediaConnection
    key_version: int | None
    """Version of the key that admitted it; None if unknown although the stream has had more than one."""
    inbound_bytes: int = 0
    size: Size | None = None
    """Size of its first picture. Viewers by HLS get this shape for as long as it is connected."""
    may_turn: bool = True
    """Whether a change of its picture's shape disconnects it."""

    def is_outdated(self, key_version: int) -> bool:
        """Whether it was admitted with a key that is older than this version. Versions are compared, so neither clocks
        nor the duration of a commit matter. A publisher of unknown version is outdated: its encoder reconnects, and
        then its version is known."""
        return self.key_version is None or self.key_version < key_version

    def begin(self, size: Size, expected: Size | None) -> None:
        """Note the size of its first picture. `expected`: the size for which the connection before it was disconnected.
        If it returned with the old shape, disconnecting it again would not help."""
        self.size = size
        returned = expected is None or _same_shape(expected, size)
        self.may_turn = returned and self.connection.protocol in RETURNING

    def has_turned(self, size: Size) -> bool:
        return self.may_turn and self.size is not None and not _same_shape(self.size, size)


def _same_shape(one: Size, other: Size) -> bool:
    across, down = one[0] * other[1], other[0] * one[1]
    return abs(across - down) < SHAPE_TOLERANCE * max(across, down)
