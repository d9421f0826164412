"""Adds the initial data to a new database, and what this release brings, at the start of the server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from control_plane.db.pool import Database
from control_plane.storage.files import Files
from ffmpeg_fixtures.clips import generate
from stagedoor.demo.stock import add_stock
from stagedoor.demo.town import SAMPLES, add_town


async def prepare(
    database: Database,
    files: Files,
    media_dir: Path,
    progress: Callable[[str], None],
    *,
    dev: bool,
    ffmpeg_setting: str,
) -> None:
    """Add the missing initial data. The demo clips are rendered once and kept in `media_dir`. Raises FfmpegFailed and
    DemoPicturesNotStored."""
    media_dir.mkdir(exist_ok=True)
    await add_stock(database)
    if dev:
        await generate(media_dir / SAMPLES, progress, ffmpeg_setting)
        await add_town(database, files, media_dir / SAMPLES)
