"""The jobs that make the files of uploads, and give up what no worker could end."""

from __future__ import annotations

import datetime as dt
from typing import Protocol

from control_plane.db.connections import Connection
from control_plane.jobs.kind import job
from control_plane.videos.processing import store
from control_plane.videos.video import ContentId, State

OVERDUE = dt.timedelta(hours=1)
"""Time without progress after which a content whose job is dead counts as failed. Longer: its owner waits for longer."""


class Processor(Protocol):
    async def process(self, content_id: ContentId) -> None:
        """Make the files of this content, unless it is ready, failed or gone, and settle the videos that wait for it."""
        ...

    async def give_up(self, age: dt.timedelta) -> None:
        """Fail the contents without progress for this time whose job is dead."""
        ...


@job(at_once=2, attempts=6)
async def process_content(processor: Processor, content_id: int) -> None:
    await processor.process(ContentId(content_id))


@job(every="*/10 * * * *")
async def give_up_contents(processor: Processor) -> None:
    await processor.give_up(OVERDUE)


async def enqueue(connection: Connection, content_id: ContentId) -> None:
    """Enqueue the job that settles the videos of a content, in the transaction that has written them.

    The content is locked: a job that is making its files ends after this transaction, and settles these videos, too, so
    that no second one is needed. Once it is made, a job of its own settles them.
    """
    processing = await store.lock(connection, content_id) is State.PROCESSING
    await process_content.set(key=_key(content_id) if processing else None).enqueue(connection, content_id=content_id)


async def enqueue_again(connection: Connection, content_id: ContentId) -> bool:
    """False: a job of the content is waiting or running."""
    return await process_content.set(key=_key(content_id)).enqueue(connection, content_id=content_id) is not None


def _key(content_id: ContentId) -> str:
    return f"video-content-{content_id}"
