"""The limit of questions whether an email address, a phone number or a username has an account. The apps need the answer
during registration; without a limit it would list who has an account."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from control_plane.accounts import lookups_store as store
from control_plane.base.clock import Clock, utc_now
from control_plane.base.errors import ControlPlaneError, ErrorKind
from control_plane.db.pool import Database
from control_plane.jobs.kind import job


@dataclass(frozen=True, slots=True)
class Limit:
    """Questions of one kind from one network address. More: an attacker tests more. Fewer: users behind one address of a
    mobile network are refused."""

    kind: str
    per_hour: int
    per_day: int


CONTACTS = Limit("contact", 60, 200)
USERNAMES = Limit("username", 600, 3000)
"""Usernames are public, and apps ask while the user types."""
KEPT = dt.timedelta(days=1)


class TooManyLookups(ControlPlaneError):
    code = "too_many_lookups"
    kind = ErrorKind.TOO_OFTEN

    def __init__(self) -> None:
        super().__init__("Too many requests. Please try again later.")


class Lookups:
    def __init__(self, database: Database, clock: Clock = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def count(self, limit: Limit, origin: str) -> None:
        """Count one question. Raises TooManyLookups."""
        now = self._clock()
        async with self._database.transaction() as connection:
            hour, day = await store.lock_and_count(connection, limit.kind, origin, now)
            if hour >= limit.per_hour or day >= limit.per_day:
                raise TooManyLookups
            await store.add(connection, limit.kind, origin, now)

    async def delete_old(self) -> None:
        await store.delete_older(self._database, self._clock() - KEPT)


@job(every="33 4 * * *")
async def delete_old_lookups(lookups: Lookups) -> None:
    await lookups.delete_old()
