"""The copy of a video with a watermark, for downloads: the job that makes it, once for each content."""

from __future__ import annotations

import asyncio
import io

from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.jobs.kind import job
from control_plane.storage.files import Files
from control_plane.videos import processing_store as store
from control_plane.videos.processing.encoder import Encoder, Source
from control_plane.videos.video import ContentId, State

HEIGHT = 22
"""Of the letters: a part of the shorter side of the video."""


class Watermarker:
    def __init__(self, database: Database, files: Files, encoder: Encoder, product_name: str) -> None:
        self._database = database
        self._files = files
        self._encoder = encoder
        self._product_name = product_name

    async def make(self, content_id: ContentId) -> None:
        """Make the copy, unless it is there or its content is gone. It names the product, not the user: equal uploads of
        several users share it."""
        content = await store.content(self._database, content_id)
        if content is None or content.state is not State.READY or content.watermarked:
            return
        side = min(content.width, content.height)
        mark = await asyncio.to_thread(drawn, self._product_name, max(12, side // HEIGHT))
        size = await self._files.storage.size(content.media) or 0
        media = Source(self._files.storage.read(content.media), size)
        async with self._encoder.watermarked(media, mark, content.duration_ms) as made:
            name = await self._files.add("videos", made, "mp4", owner=None, public=False)
        async with self._database.transaction() as connection:
            if await store.set_watermarked(connection, content_id, name):
                await self._files.use(connection, f"video_content/{content_id}/watermarked", {name})


def drawn(text: str, height: int) -> bytes:
    """The text in white with a dark edge, as a PNG."""
    from PIL import Image, ImageDraw, ImageFont  # takes 0.1 s to load

    font = ImageFont.load_default(height)
    edge = max(1, height // 12)
    left, top, right, bottom = font.getbbox(text, stroke_width=edge)
    picture = Image.new("RGBA", (round(right - left) + 2, round(bottom - top) + 2))
    ImageDraw.Draw(picture).text(
        (1 - left, 1 - top), text, (255, 255, 255, 200), font, stroke_width=edge, stroke_fill=(0, 0, 0, 120)
    )
    written = io.BytesIO()
    picture.save(written, "PNG")
    return written.getvalue()


@job(at_once=1)
async def watermark_content(watermarker: Watermarker, content_id: int) -> None:
    await watermarker.make(ContentId(content_id))


async def enqueue(connection: Connection, content_id: ContentId, priority: int) -> None:
    """Enqueue the job of this content, unless one is waiting or running. `priority`: lower by each copy that the user waits
    for already, so that a user who asks for fifty does not hold up others."""
    kind = watermark_content.set(key=f"watermark-{content_id}", priority=priority)
    await kind.enqueue(connection, content_id=content_id)
