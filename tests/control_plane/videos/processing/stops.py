"""Steps of the work on a video, at which tests stop it to kill what does it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from typing import Any

from control_plane.db.connections import Connection
from control_plane.storage.files import Files
from control_plane.storage.model import FileName
from control_plane.videos.posting import ORIGINALS, Posting
from control_plane.videos.processing import encoder
from control_plane.videos.processing.encoder import Encoder, Made, Source
from control_plane.videos.processing.processor import Processor
from control_plane.videos.video import ContentId, VideoId

UPLOADING = ("original stored", "original used", "posted")
PROCESSING = ("taken", "reading", "encoding", "encoded", "stored 1", "stored 4", "written", "committed")
_MADE = ("videos", "posters", "previews")


def stop_at(step: str, stop: Callable[[], Awaitable[None]]) -> None:
    """Patch the classes of this process: `stop` is awaited when one first comes to the step."""
    stopped = False
    stored = 0

    async def come_to(here: str) -> None:
        nonlocal stopped
        if here == step and not stopped:
            stopped = True
            await stop()

    add, use, write = Files.add, Files.use, Posting._write
    encoded, process, finish = Encoder.encoded, Processor.process, Processor._finish

    async def adding(self: Files, kind: str, *arguments: Any, **options: Any) -> FileName:
        nonlocal stored
        name = await add(self, kind, *arguments, **options)
        if kind == ORIGINALS:
            await come_to("original stored")
        if kind in _MADE:
            stored += 1
            await come_to(f"stored {stored}")
        return name

    async def using(self: Files, connection: Connection, used_by: str, names: Collection[FileName]) -> None:
        await use(self, connection, used_by, names)
        if used_by.startswith("video_content/"):
            if used_by.endswith("/original") and names:
                await come_to("original used")
            if used_by.endswith("/files"):
                await come_to("written")

    async def writing(self: Posting, *arguments: Any) -> VideoId:
        video_id = await write(self, *arguments)
        await come_to("posted")
        return video_id

    def encoding(self: Encoder, upload: Source, told: Any) -> Any:
        async def content() -> AsyncIterator[bytes]:
            async for chunk in upload.content:
                await come_to("reading")
                yield chunk

        async def telling(percent: int) -> None:
            await come_to("encoding")
            await told(percent)

        return encoded(self, Source(content(), upload.bytes), telling)

    async def processing(self: Processor, content_id: ContentId) -> None:
        await come_to("taken")
        await process(self, content_id)
        await come_to("committed")

    async def finishing(self: Processor, content_id: ContentId, made: Made) -> None:
        await come_to("encoded")
        await finish(self, content_id, made)

    encoder.PROGRESS_S = 0.01
    patches = ((Files, "add", adding), (Files, "use", using), (Posting, "_write", writing))
    more = ((Encoder, "encoded", encoding), (Processor, "process", processing), (Processor, "_finish", finishing))
    for patched, name, function in (*patches, *more):
        setattr(patched, name, function)
