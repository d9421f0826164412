"""The current figures of a stream, as viewers get them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from control_plane.base.ids import UserId


class Gifter(msgspec.Struct, frozen=True):
    """One of the users who gave the most coins to a stream."""

    user_id: UserId
    username: str
    coins: int


class Newcomer(msgspec.Struct, frozen=True):
    user_id: UserId
    username: str


class Stats(msgspec.Struct, frozen=True, tag_field="type", tag="stats"):
    """The current figures of a stream. Not an event: it has no number, and each frame replaces the previous one."""

    viewers: int
    likes: int
    coins: int
    top_gifters: Sequence[Gifter]
    joined: Sequence[Newcomer]
    """Users who joined since the previous of these frames."""
