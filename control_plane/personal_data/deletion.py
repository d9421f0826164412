"""Deletes an account by its user's wish: at once invisible and signed out, brought back by signing in, and removed for
good after some days (`control_plane/personal_data/removal.py`)."""

from __future__ import annotations

import datetime as dt
import logging

from control_plane.accounts import deletion_store
from control_plane.accounts.sessions import Sessions
from control_plane.base.clock import Clock, utc_now
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.base.ids import StreamId, UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.ledger.wallets import Wallet, wallet
from control_plane.streams.denial import deny_with_stream
from control_plane.streams.lifecycle import Also, Lifecycle
from control_plane.streams.model import EndReason, Stream

log = logging.getLogger(__name__)

CONFIRMS_AFTER_S = 2.0
"""A second call earlier than this is a double tap or a repeated request, and confirms nothing. Longer: a user who reads
quickly has to tap again."""
CONFIRMS_FOR_S = 600.0
"""How long a second call confirms. Longer: a user who changed their mind deletes the account by one tap later."""


class CoinsWouldBeLost(ControlPlaneError):
    """The account has coins. The same call again, within ten minutes, deletes it."""

    code = "coins_would_be_lost"
    kind = ErrorKind.REFUSED

    def __init__(self, lost: Wallet) -> None:
        earned = f", {lost.earned} of them earned" if lost.earned else ""
        noun = "coin" if lost.total == 1 else "coins"
        super().__init__(
            f"You still have {lost.total} {noun}{earned}. They are lost with your account. Delete again within "
            f"{CONFIRMS_FOR_S / 60:.0f} minutes to confirm."
        )


class Deletion:
    def __init__(
        self, database: Database, sessions: Sessions, lifecycle: Lifecycle, days: int, clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._lifecycle = lifecycle
        self._clock = clock
        self.days = days
        """Until the account is removed for good."""

    async def delete(self, user_id: UserId) -> None:
        """Delete the account, end its sessions and its stream, in one transaction. Raises CoinsWouldBeLost the first
        time, if the account has coins, and UserNotFound if it is deleted already."""
        await self._confirmed(user_id)

        async def delete(connection: Connection) -> bool:
            return await deletion_store.delete(connection, user_id, self._clock())

        async def end(stream_id: StreamId, also: Also) -> Stream | None:
            return await self._lifecycle.end(stream_id, EndReason.OWNER, also=also)

        deleted, stream = await deny_with_stream(self._database, user_id, delete, end)
        if deleted:
            self._sessions.forget(user_id)
            log.info("account_deleted", extra={"user": user_id, "stream": stream.id if stream else 0})

    async def _confirmed(self, user_id: UserId) -> None:
        now = self._clock()
        async with self._database.transaction() as connection:
            asked_at = await deletion_store.asked_to_delete(connection, user_id)
            if asked_at is not None and CONFIRMS_AFTER_S <= (now - asked_at).total_seconds() <= CONFIRMS_FOR_S:
                return
            lost = await wallet(connection, user_id)
            if not lost.total:
                return
            if asked_at is None or now - asked_at > dt.timedelta(seconds=CONFIRMS_FOR_S):
                await deletion_store.ask_before_deletion(connection, user_id, now)
        raise CoinsWouldBeLost(lost)
