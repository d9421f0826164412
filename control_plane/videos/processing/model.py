"""Uploaded videos: their limits, what the probe finds out, and why one is refused."""

from __future__ import annotations

import msgspec

from control_plane.base.errors import ControlPlaneError, ErrorKind

LONGEST_S = 15 * 60
"""Longer: one upload takes the encoder for longer, and others wait."""
TOLERANCE_S = 5.0
"""Phones stop a little late."""
LONGEST_SIDE = 4096
"""Larger: the decoder needs more than its memory limit."""
FASTEST = 240
"""Frames per second, as phones record slow motion. More frames than these in LONGEST_S are refused: each takes time."""
FASTEST_MADE = 60
"""Frames per second of what is made."""
MOST_PIXELS = 3840 * 2160 * 60 * LONGEST_S
"""Of all frames together: a file of a few kilobytes can hold more than an encoder does in a day."""
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm"
"""ffmpeg's names of what it may open. Others read further files: playlists, lists of pictures."""
PICTURES = frozenset({"avif", "avis", "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1", "jpeg", "crx"})
"""Brands of files in an MP4 container that are photos, such as those of iPhones."""

NO_VIDEO = "This is not an MP4, MOV, 3GP, MKV or WebM video."
BROKEN = "The video is damaged, or of a kind that cannot be converted."
GIVEN_UP = "The video could not be converted. Please upload it again."
TOO_LONG = f"The video may be at most {LONGEST_S // 60} minutes long."
TOO_LARGE = f"The video may have at most {LONGEST_SIDE} pixels per side."
TOO_MANY_FRAMES = "The video has too many frames."
TOO_SLOW = "The video takes too long to convert."
TOO_MUCH_WORK = "The video is damaged, or takes too long to read."


class NotAVideo(ControlPlaneError):
    """The upload is not a video that is taken. The text says why."""

    code = "not_a_video"
    kind = ErrorKind.REFUSED


class VideoStream(msgspec.Struct, frozen=True):
    """The video stream: of several the first that is no cover picture."""

    index: int
    """Of the stream in the file."""
    codec: str
    """ffmpeg's name: h264, hevc, vp9, av1."""
    width: int
    height: int
    turned: int
    """Degrees by which players turn it: 0, 90, 180 or 270."""
    transformed: bool
    """Players turn or mirror it."""
    pixel_width: float
    """Width of a pixel by its height, 1 for nearly all."""
    format: str
    """ffmpeg's name of the pixel format, such as yuv420p10le."""
    transfer: int
    """ISO 23091-2 TransferCharacteristics; 16 and 18 are those of HDR."""
    full_range: bool
    interlaced: bool
    trimmed: bool
    """Players skip some of it: a phone's editor leaves in the file what its user cut away."""
    frames: int
    bits_s: int
    """Mean bits per second."""
    nominal_frames_s: float = 0.0
    """0: unknown."""


class AudioStream(msgspec.Struct, frozen=True):
    """The audio stream: of several the first that can be decoded."""

    index: int
    codec: str
    channels: int


class Probed(msgspec.Struct, frozen=True):
    video: VideoStream
    audio: AudioStream | None
    duration_ms: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as it is shown."""
        width = max(1, round(self.video.width * self.video.pixel_width))
        return (self.video.height, width) if self.video.turned in {90, 270} else (width, self.video.height)

    @property
    def pixels(self) -> int:
        """Of all frames together: the encoder's time grows with them. Frames that it repeats count, because it makes a constant
        rate, and two frames of the file may be minutes apart."""
        made = round(min(self.video.nominal_frames_s, FASTEST_MADE) * self.duration_ms / 1000)
        return max(self.video.frames, made) * self.video.width * self.video.height

    @property
    def frames_s(self) -> float:
        return self.video.frames * 1000 / max(1, self.duration_ms)


class ProbeAnswer(msgspec.Struct, frozen=True):
    """What the probe's process writes."""

    refused: str = ""
    probed: Probed | None = None
