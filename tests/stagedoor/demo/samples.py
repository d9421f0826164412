"""What tests add the town with: stand-ins for the clips, whose content is not read, and portraits that are drawn once."""

from __future__ import annotations

import functools
from pathlib import Path

from ffmpeg_fixtures.clips import CLIPS
from stagedoor.demo.portraits.portrait import portrait

drawn_once = functools.cache(portrait)


def sample_files(folder: Path) -> Path:
    """The folder of the clips."""
    samples = folder / "samples"
    samples.mkdir()
    for clip in CLIPS:
        (samples / clip.media).write_text(clip.slug)
    return samples
