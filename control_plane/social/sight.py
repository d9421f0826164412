"""Which users and whose content a viewer may see. Everything that shows people asks here.

Statements that have to skip hidden users, because a list has pages of a fixed length, hold the same rule: they read the
view `visible_user` and have the SQL of `are_blocked` or `blocked_with` (`control_plane/social/blocks_store.py`).
"""

from __future__ import annotations

from enum import IntEnum

from control_plane.social.model import Seen


class Sight(IntEnum):
    """How much of a user a viewer sees. Each value includes those before it."""

    HIDDEN = 0
    """Nothing, as if there were no such user."""
    BLOCKED = 1
    """The name, to the user who blocks it: in the list of blocked users and on the profile, where the block can be
    undone."""
    PROFILE = 2
    """The profile, but not what the user publishes or whom the user follows: the account is private."""
    CONTENT = 3
    """The profile, videos, followers and followed users."""


def sight(seen: Seen) -> Sight:
    if seen.own:
        return Sight.CONTENT
    if seen.user.banned_at is not None or seen.relation.blocked:
        return Sight.HIDDEN
    if seen.relation.block is not None:
        return Sight.BLOCKED
    if seen.user.private and not seen.relation.follows:
        return Sight.PROFILE
    return Sight.CONTENT
