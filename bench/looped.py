"""Many cheap publishers: one ffmpeg loops a small clip, encoded once, to all addresses without transcoding."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from control_plane.base import ffmpeg

FPS = 5
SECONDS = 10


async def encode(path: Path) -> None:
    picture = f"testsrc2=size=160x120:rate={FPS}:duration={SECONDS}"
    sound = f"sine=frequency=440:sample_rate=44100:duration={SECONDS}"
    await ffmpeg.run(
        [
            *("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound),
            *("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p"),
            *("-g", str(FPS), "-b:v", "50k", "-c:a", "aac", "-b:a", "32k", "-ac", "1", str(path)),
        ],
        "Encoding the clip",
        30,
    )


@asynccontextmanager
async def looped_publishers(urls: Sequence[str]) -> AsyncIterator[int]:
    """Publish to these RTMP URLs; yields ffmpeg's pid."""
    with tempfile.TemporaryDirectory(prefix="stagedoor-bench-") as folder:
        clip = Path(folder) / "clip.mp4"
        await encode(clip)
        outputs = [word for url in urls for word in ("-map", "0", "-c", "copy", "-f", "flv", url)]
        process = await ffmpeg.spawn(["-re", "-stream_loop", "-1", "-i", str(clip), *outputs])
        try:
            yield process.pid
            if process.returncode is not None:
                assert process.stderr is not None
                written = await process.stderr.read()
                raise RuntimeError(f"the publishers ended: {ffmpeg.masked(written.decode(errors='replace'))[-500:]}")
        finally:
            await ffmpeg.kill(process)
