"""The outbox: `enqueue` writes a push message for every device of its receivers, and a job that sends what waits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from control_plane.base.ids import UserId
from control_plane.db.connections import Connection
from control_plane.jobs.kind import job
from control_plane.push import store
from control_plane.push.model import Push


class Sends(Protocol):
    async def send_waiting(self) -> None: ...


@job(priority=5)
async def send_pushes(sender: Sends) -> None:
    """Send what waits in the outbox. One job at once, so that all processes together keep the rate."""
    await sender.send_waiting()


async def enqueue(connection: Connection, push: Push, user_ids: Sequence[UserId]) -> None:
    """Push to every device and browser of these users, in the caller's transaction. Nothing is written for receivers
    without one, or if this server is not set up to push.

    Each call enqueues a job of its own. A key for the job would make the transactions wait for each other, and a job that
    is about to end would not see what they write.
    """
    if user_ids and await store.add(connection, push, user_ids):
        await send_pushes.enqueue(connection)
