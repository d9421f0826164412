"""Profile videos that users upload: their limits, and why one is refused."""

from __future__ import annotations

import msgspec

LARGEST_CLIP = 50 << 20
"""Bytes. 20 s from a phone in 1080p are 40 MB. Larger: an upload takes minutes over a mobile network."""
LONGEST_S = 20
"""Longer: encoding takes longer than an app waits for its answer."""
LONGEST_SIDE = 4096
SIDE = 1280
"""Longest side of the result."""
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm"
"""ffmpeg's names of what it may open. Others read further files: playlists, lists of pictures."""

NO_CLIP = "This is not an MP4, MOV, 3GP, MKV or WebM video."
BROKEN_CLIP = "The video is damaged, or of a kind that cannot be converted."
TOO_LONG = f"The video may be at most {LONGEST_S} seconds long."
TOO_WIDE = f"The video may have at most {LONGEST_SIDE} pixels per side."


class ClipAnswer(msgspec.Struct, frozen=True):
    """What the probe writes."""

    refused: str = ""
