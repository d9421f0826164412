"""Videos as phones make them."""

from __future__ import annotations

from pathlib import Path

from control_plane.base import ffmpeg


async def clip(
    file: Path, *, seconds: float = 1, size: str = "320x240", sound: bool = True, extra: tuple[str, ...] = ()
) -> Path:
    """A test picture of this length, with a place and a name in its metadata."""
    tone = ("-f", "lavfi", "-i", f"sine=duration={seconds}") if sound else ()
    await ffmpeg.run(
        [
            *("-y", "-f", "lavfi", "-i", f"testsrc2=size={size}:rate=10:duration={seconds}", *tone),
            *("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"),
            *("-metadata", "location=+48.8588+002.2943/", "-metadata", "title=SecretTitle", *extra, str(file)),
        ],
        "a test video",
        60,
    )
    return file
