"""A worker that stops at one step of the processing of a video, to be killed there:
`python -m tests.control_plane.videos.processing.killed <dsn> <folder of files> <folder of work> <step>`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Any

from control_plane.db.connections import Connection
from control_plane.db.pool import open_pool
from control_plane.jobs.metrics import JobMetrics
from control_plane.jobs.worker import Worker
from control_plane.observe.metrics import Metrics
from control_plane.storage.files import Files
from control_plane.storage.model import FileName
from control_plane.storage.places import open_storage
from control_plane.videos.processing import encoder
from control_plane.videos.processing.encoder import Encoder, Made
from control_plane.videos.processing.job import process_content
from control_plane.videos.processing.processor import Processor
from control_plane.videos.video import ContentId

STEPS = ("taken", "reading", "encoding", "encoded", "stored 1", "stored 4", "written", "committed")


class Stopping(Files):
    """Files and the processor in one, which stop at the step."""

    step = ""
    added = 0

    async def stop(self, step: str) -> None:
        if step == self.step:
            sys.stdout.write(f"{step}\n")
            sys.stdout.flush()
            await asyncio.Event().wait()

    async def add(self, *arguments: Any, **options: Any) -> FileName:
        name = await super().add(*arguments, **options)
        self.added += 1
        await self.stop(f"stored {self.added}")
        return name

    async def use(self, connection: Connection, used_by: str, names: Collection[FileName]) -> None:
        await super().use(connection, used_by, names)
        await self.stop("written")


class StoppingEncoder(Encoder):
    files: Stopping

    def encoded(self, upload: AsyncIterator[bytes], told: Any) -> Any:
        async def chunks() -> AsyncIterator[bytes]:
            async for chunk in upload:
                await self.files.stop("reading")
                yield chunk

        async def stopping(percent: int) -> None:
            await self.files.stop("encoding")
            await told(percent)

        return super().encoded(chunks(), stopping)


class StoppingProcessor(Processor):
    async def process(self, content_id: ContentId) -> None:
        await self.files.stop("taken")
        await super().process(content_id)
        await self.files.stop("committed")

    async def _finish(self, content_id: ContentId, made: Made) -> None:
        await self.files.stop("encoded")
        await super()._finish(content_id, made)

    files: Stopping


async def main(dsn: str, stored: str, work: str, step: str) -> None:
    encoder.PROGRESS_S = 0.01
    database = await open_pool(dsn, 5)
    files = Stopping(open_storage("", Path(stored)), database)
    files.step = step
    made = StoppingEncoder(Path(work))
    processor = StoppingProcessor(database, files, made)
    made.files = processor.files = files
    kinds = [process_content.bind(processor)]
    await Worker(database, dsn, kinds, JobMetrics(Metrics()), lost_after_s=2.0, poll_s=0.2).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
