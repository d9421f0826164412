"""Notices: word to the owner of an account that its email address, phone number, password or payout address changed.

A notice goes to the address that the account had before, so that an owner whose account was taken over learns of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from control_plane.accounts import notices_store as store
from control_plane.accounts.notices_store import Notice
from control_plane.base.clock import Clock, utc_now
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.delivery.contacts import Channel, Contact
from control_plane.jobs.kind import Kind

KEPT = dt.timedelta(days=2)


class About(StrEnum):
    EMAIL_CHANGED = "email_changed"
    PHONE_CHANGED = "phone_changed"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  the name of an event
    PAYOUT_ADDED = "payout_added"
    PAYOUT_CHANGED = "payout_changed"


class Notices:
    """`channels`: what this server can send to. `deliver`: the job that sends a notice by its id."""

    def __init__(
        self, database: Database, channels: frozenset[Channel], deliver: Kind[Any, [int]], clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._channels = channels
        self._deliver = deliver
        self._clock = clock

    async def send(self, connection: Connection, about: About, to: Iterable[Contact]) -> None:
        """In the transaction of the change."""
        for contact in to:
            if contact.channel in self._channels:
                notice_id = await store.add(connection, about, contact, self._clock())
                await self._deliver.enqueue(connection, notice_id)

    async def by_id(self, notice_id: int) -> Notice | None:
        return await store.by_id(self._database, notice_id)

    async def delete_old(self) -> None:
        await store.delete_older(self._database, self._clock() - KEPT)
