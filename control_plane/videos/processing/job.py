"""The jobs that make the files of uploads, and give up what no worker could end."""

from __future__ import annotations

import datetime as dt
from typing import Protocol

from control_plane.db.connections import Connection
from control_plane.jobs.kind import Kind, job
from control_plane.videos import processing_store as store
from control_plane.videos.processing_store import Stored
from control_plane.videos.video import ContentId, State

OVERDUE = dt.timedelta(hours=1)
"""Time without progress after which a content whose job is dead counts as failed. Longer: its owner waits for longer."""

LARGE_PIXELS = 2 * 60 * 30 * 1920 * 1080
"""Of all frames of an upload: two minutes of 1080p, or half a minute of 4K. Bytes say less about the encoder's work: a still
picture of 15 minutes in 4K has few. Smaller: more videos wait for those of minutes. Larger: a few videos of minutes hold
up all others."""
ATTEMPTS = 6
"""More: a video that ends its encoder takes more time from others. Fewer: an outage of minutes fails videos."""


class Processor(Protocol):
    async def process(self, content_id: ContentId) -> None:
        """Make the files of this content, unless it is ready, failed or gone, and settle the videos that wait for it."""
        ...

    async def give_up(self, age: dt.timedelta) -> None:
        """Fail the contents without progress for this time whose job is dead."""
        ...


@job(at_once=2, attempts=ATTEMPTS)
async def process_content(processor: Processor, content_id: int) -> None:
    await processor.process(ContentId(content_id))


@job(at_once=1, attempts=ATTEMPTS)
async def process_large_content(processor: Processor, content_id: int) -> None:
    """A kind of its own, so that uploads of minutes do not hold up those of seconds."""
    await processor.process(ContentId(content_id))


@job(every="*/10 * * * *")
async def give_up_contents(processor: Processor) -> None:
    await processor.give_up(OVERDUE)


async def enqueue(connection: Connection, content_id: ContentId) -> None:
    """Enqueue the job that settles the videos of a content, in the transaction that has written them.

    The content is locked, so a job that is making its files ends after this transaction and settles these videos, too. A
    second job is enqueued only if the files are made already, or if no other video waits for them: the first job may have
    found that no video waits, and be about to end.

    The priority is lower by each video that the user waits for already, so that a user who uploads fifty videos does not
    hold up others.
    """
    content = await store.locked(connection, content_id)
    kind = _kind(content)
    if content is not None and content.state is State.PROCESSING:
        kind = kind.set(priority=-await store.videos_before(connection, content_id))
        keyed = kind.set(key=_key(content_id))
        if await keyed.enqueue(connection, content_id) is not None or await store.several_wait(connection, content_id):
            return
    await kind.enqueue(connection, content_id)


async def enqueue_again(connection: Connection, content_id: ContentId) -> bool:
    """False: a job of the content is waiting or running."""
    kind = _kind(await store.content(connection, content_id)).set(key=_key(content_id))
    return await kind.enqueue(connection, content_id) is not None


def _kind(content: Stored | None) -> Kind[Processor, [int]]:
    is_large = content is not None and content.state is State.PROCESSING and content.pixels >= LARGE_PIXELS
    return process_large_content if is_large else process_content


def _key(content_id: ContentId) -> str:
    return f"video-content-{content_id}"
