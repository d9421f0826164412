"""A worker that stops at one step of the processing of a video, to be killed there:
`python -m tests.control_plane.videos.processing.killed <dsn> <folder of files> <folder of work> <step>`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from control_plane.db.pool import open_pool
from control_plane.jobs.metrics import JobMetrics
from control_plane.jobs.worker import Worker
from control_plane.observe.metrics import Metrics
from control_plane.storage.files import Files
from control_plane.storage.places import open_storage
from control_plane.videos.processing.encoder import Encoder
from control_plane.videos.processing.job import process_content
from control_plane.videos.processing.processor import Processor
from tests.control_plane.videos.processing.stops import stop_at


async def main(dsn: str, stored: str, work: str, step: str) -> None:
    async def stop() -> None:
        sys.stdout.write(f"{step}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()

    stop_at(step, stop)
    database = await open_pool(dsn, 5)
    processor = Processor(database, Files(open_storage("", Path(stored)), database), Encoder(Path(work)))
    kinds = [process_content.bind(processor)]
    await Worker(database, dsn, kinds, JobMetrics(Metrics()), lost_after_s=2.0, poll_s=0.2).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
