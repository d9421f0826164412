"""Removes deleted accounts for good, some days after their deletion, by a job.

Each domain that keeps something about a person has a step. The steps of one account and the marking of its row are one
transaction; a step that has to delete files enqueues a job in it. The ledger stays: it refers to a row without a person.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from control_plane.accounts import deletion_store
from control_plane.base.clock import Clock, utc_now
from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.jobs.kind import job

log = logging.getLogger(__name__)

BATCH = 100
"""Accounts read at once."""
REMOVAL_S = 60.0
"""Deadline for one account. Shorter: an account with very much data is never removed."""

Step = Callable[[Connection, UserId], Awaitable[None]]
"""Deletes what one domain keeps about a user. It may run again if the transaction fails."""


@dataclass(frozen=True, slots=True)
class Removal:
    database: Database
    days: int
    """Days after the deletion."""
    steps: Sequence[Step]
    clock: Clock = utc_now

    async def remove(self, user_id: UserId, deleted_before: dt.datetime) -> bool:
        """False: the user has signed in meanwhile, which brought the account back."""
        async with self.database.transaction(REMOVAL_S) as connection:
            if not await deletion_store.lock_to_remove(connection, user_id, deleted_before):
                return False
            for step in self.steps:
                await step(connection, user_id)
            await deletion_store.remove(connection, user_id)
        log.info("account_removed", extra={"user": user_id})
        return True


@job(every="37 * * * *")
async def remove_deleted_accounts(removal: Removal) -> None:
    """An account that cannot be removed does not keep the others: its error is raised after them."""
    deleted_before = removal.clock() - dt.timedelta(days=removal.days)
    failure: Exception | None = None
    after = UserId(0)
    while user_ids := await deletion_store.to_remove(removal.database, deleted_before, after, BATCH):
        for user_id in user_ids:
            try:
                await removal.remove(user_id, deleted_before)
            except Exception as error:  # of any step
                log.exception("account_not_removed", extra={"user": user_id})
                failure = error
        after = user_ids[-1]
    if failure is not None:
        raise failure
