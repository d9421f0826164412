"""Opens the social services: follows and blocks."""

from __future__ import annotations

from control_plane.db.pool import Database
from control_plane.inbox.follows import InboxOfFollows
from control_plane.social.blocked_users import BlockedUsers
from control_plane.social.blocks import Blocks
from control_plane.social.bundle import Social
from control_plane.social.follows import Follows
from control_plane.social.toggles import Toggles
from stagedoor.parts.live import Live


def social(database: Database, live: Live) -> Social:
    toggles = Toggles(database)
    blocked_users = BlockedUsers(database)
    blocked_users.follow(live.bus)
    return Social(Follows(database, toggles, InboxOfFollows()), Blocks(toggles), blocked_users)
