"""The services of follows, blocks and visits that endpoints use."""

from __future__ import annotations

from dataclasses import dataclass

from control_plane.social.blocked_users import BlockedUsers
from control_plane.social.blocks import Blocks


@dataclass(frozen=True, slots=True)
class Social:
    blocks: Blocks
    blocked_users: BlockedUsers
