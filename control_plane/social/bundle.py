"""The social services that endpoints use."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.social.blocked_users import BlockedUsers
from control_plane.social.blocks import Blocks
from control_plane.social.follows import Follows


@dataclass(frozen=True, slots=True)
class Social:
    follows: Follows
    blocks: Blocks
    blocked_users: BlockedUsers
