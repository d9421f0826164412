"""Opens the social services: follows."""

from __future__ import annotations

from control_plane.db.pool import Database
from control_plane.inbox.follows import InboxOfFollows
from control_plane.social.bundle import Social
from control_plane.social.follows import Follows
from control_plane.social.toggles import Toggles


def social(database: Database) -> Social:
    toggles = Toggles(database)
    return Social(Follows(database, toggles, InboxOfFollows()))
