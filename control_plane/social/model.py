"""How users stand to each other."""

from __future__ import annotations

import datetime as dt
from typing import TypeAlias

import msgspec

from control_plane.accounts.user import User
from control_plane.base.ids import UserId

Viewer: TypeAlias = UserId | None
"""The user who looks. None: a guest."""


class Block(msgspec.Struct, frozen=True):
    id: int
    blocker_id: UserId
    blocked_id: UserId
    blocked_at: dt.datetime


class Relation(msgspec.Struct, frozen=True, kw_only=True):
    """How a viewer and a user stand to each other. All false for guests and for the viewer's own record."""

    follows: bool = False
    """The viewer follows the user."""
    followed: bool = False
    """The user follows the viewer."""
    requested: bool = False
    """The viewer has asked to follow the user, whose account is private."""
    notified: bool = False
    """The viewer follows the user, and is told when the user goes live or posts."""
    block: Block | None = None
    """The viewer blocks the user."""
    blocked: bool = False
    """The user blocks the viewer."""

    @property
    def friends(self) -> bool:
        """Both follow each other."""
        return self.follows and self.followed


class Seen(msgspec.Struct, frozen=True):
    """A user as one viewer sees it."""

    user: User
    relation: Relation
    viewer_id: Viewer

    @property
    def own(self) -> bool:
        return self.user.id == self.viewer_id
