"""Stand-ins for the clips: their content is not read when the town is added."""

from __future__ import annotations

from pathlib import Path

from ffmpeg_fixtures.clips import CLIPS


def sample_files(folder: Path) -> Path:
    """The folder of the clips."""
    samples = folder / "samples"
    samples.mkdir()
    for clip in CLIPS:
        (samples / clip.media).write_text(clip.slug)
    return samples
