"""The job that makes the files of an upload."""

from __future__ import annotations

from typing import Protocol

from control_plane.jobs.kind import job
from control_plane.videos.video import ContentId


class Processor(Protocol):
    async def process(self, content_id: ContentId) -> None:
        """Make the files of this content, unless it is ready, failed or gone."""
        ...


@job(at_once=1)
async def process_content(processor: Processor, content_id: int) -> None:
    await processor.process(ContentId(content_id))
