"""Opens the deletion and the removal of accounts. A domain that keeps something about a person has a line here."""

from __future__ import annotations

from collections.abc import Sequence

from control_plane.accounts.providers.apple import revoke_apple_token
from control_plane.accounts.sessions import Sessions
from control_plane.base.ids import UserId
from control_plane.config.settings import Settings
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.personal_data.bundle import PersonalData
from control_plane.personal_data.deletion import Deletion
from control_plane.personal_data.removal import Removal, Step
from control_plane.streams import store as streams
from control_plane.streams.bundle import Streams
from control_plane.videos import store as videos


async def _delete_videos(connection: Connection, user_id: UserId) -> None:
    await videos.delete_of(connection, [user_id])


async def _revoke_apple_token(connection: Connection, user_id: UserId) -> None:
    await revoke_apple_token.enqueue(connection, user_id=user_id)


REMOVAL_STEPS: Sequence[Step] = (_delete_videos, streams.forget_person, _revoke_apple_token)
"""Before the user's own row, which `control_plane/accounts/store.py` clears."""


def personal_data(settings: Settings, database: Database, sessions: Sessions, opened: Streams) -> PersonalData:
    days = settings.deletion_days
    return PersonalData(Deletion(database, sessions, opened.lifecycle, days), Removal(database, days, REMOVAL_STEPS))
