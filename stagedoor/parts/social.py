"""Opens follows, blocks and visits."""

from __future__ import annotations

from control_plane.db.pool import Database
from control_plane.social.blocked_users import BlockedUsers
from control_plane.social.blocks import Blocks
from control_plane.social.bundle import Social
from control_plane.social.toggles import Toggles
from stagedoor.parts.live import Live


def social(database: Database, live: Live) -> Social:
    blocked_users = BlockedUsers(database)
    blocked_users.follow(live.bus)
    return Social(Blocks(Toggles(database)), blocked_users)
