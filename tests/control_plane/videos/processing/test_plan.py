"""What is done with an upload, by what the probe found."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from control_plane.videos.processing import plan
from control_plane.videos.processing.model import AudioStream, Probed, VideoStream

FITS = VideoStream(
    index=0,
    codec="h264",
    width=1080,
    height=1920,
    turned=0,
    transformed=False,
    pixel_width=1.0,
    format="yuv420p",
    transfer=1,
    full_range=False,
    interlaced=False,
    trimmed=False,
    frames=300,
    bits_s=6_000_000,
)


def probed(**changes: Any) -> Probed:
    return Probed(msgspec.structs.replace(FITS, **changes), AudioStream(1, "aac", 2), 10_000)


@pytest.mark.parametrize(
    ("changes", "full", "small"),
    [
        ({}, (1080, 1920), (540, 960)),
        ({"width": 3840, "height": 2160}, (1920, 1080), (960, 540)),
        ({"width": 3840, "height": 2160, "turned": 90}, (1080, 1920), (540, 960)),
        ({"width": 321, "height": 181}, (320, 180), (320, 180)),
        ({"width": 720, "height": 576, "pixel_width": 16 / 11}, (1046, 576), (960, 528)),
        ({"width": 16, "height": 4096}, (6, 1920), (2, 960)),
        ({"width": 1, "height": 1}, (2, 2), (2, 2)),
    ],
)
def test_sizes_are_even_and_keep_their_shape(
    changes: dict[str, Any], full: tuple[int, int], small: tuple[int, int]
) -> None:
    upload = probed(**changes)
    assert (plan.size_within(upload, 1080), plan.size_within(upload, 540)) == (full, small)
    assert plan.has_small(upload) == (full != small)


def test_only_what_plays_everywhere_is_kept() -> None:
    assert plan.is_copied(probed())
    for changes in (
        {"codec": "hevc"},
        {"format": "yuv420p10le"},
        {"format": "yuvj420p"},
        {"full_range": True},
        {"transfer": 16},
        {"transfer": 18},
        {"turned": 90, "transformed": True},
        {"transformed": True},
        {"pixel_width": 1.5},
        {"interlaced": True},
        {"trimmed": True},
        {"bits_s": 20_000_000},
        {"frames": 1200},
        {"width": 2160, "height": 3840},
    ):
        assert not plan.is_copied(probed(**changes)), changes


@pytest.mark.parametrize(
    ("measured", "gain"),
    [("-26.0", 10.0), ("-6.0", -10.0), ("-50.0", plan.LOUDEST_GAIN), ("-70.000", 0.0), ("nan", 0.0), ("", 0.0)],
)
def test_silence_and_noise_are_not_made_louder(measured: str, gain: float) -> None:
    output = f"frame:0\nlavfi.r128.I=-70.000\nframe:1\nlavfi.r128.I={measured}\n"
    assert plan.gain_db(output) == gain
    assert plan.gain_db("") == 0.0
