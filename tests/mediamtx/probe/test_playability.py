"""The note for the broadcaster: what viewers miss, and what to change."""

from __future__ import annotations

import pytest

from control_plane.streams.probing.model import Outcome, ProbeResult, Trouble, Via
from mediamtx.probe.playability import playability

PICTURE = ProbeResult(Outcome.PLAYING, Via.WHEP, 640, 360, "h264")
SOUND = ProbeResult(Outcome.PLAYING, Via.HLS, audio=True)


def still(trouble: Trouble) -> ProbeResult:
    return ProbeResult(Outcome.NOT_PLAYING, trouble=trouble)


@pytest.mark.parametrize(
    ("seen", "tracks", "plays", "words"),
    [
        (PICTURE, ("H264", "MPEG-4 Audio"), True, ()),
        (PICTURE, ("H264",), True, ()),
        (PICTURE, (), True, ()),
        (PICTURE, ("H264", "AC3"), True, ("hear", "AC-3", "AAC")),
        (SOUND, ("MPEG-4 Audio",), True, ("see no picture", "sound only")),
        (SOUND, (), True, ("sound only",)),
        (SOUND, ("MPEG-1/2 Video", "MPEG-4 Audio"), False, ("MPEG-2", "H.264")),
        (still(Trouble.NOT_PACKAGED), ("H264", "MPEG-4 Audio"), False, ("H.264", "key frame", "B-frames")),
        (still(Trouble.NOT_PACKAGED), ("AV1", "MPEG-4 Audio"), False, ("AV1", "Set it to H.264")),
        (still(Trouble.NOT_PACKAGED), ("MPEG-1/2 Audio",), False, ("MP3", "AAC")),
        (still(Trouble.UNDECODABLE), ("H265", "MPEG-4 Audio"), False, ("H.265", "broken")),
        (still(Trouble.SILENT), ("H264", "MPEG-4 Audio"), False, ("no picture arrives",)),
        (still(Trouble.NONE), (), False, ()),
    ],
)
def test_what_viewers_miss_is_told(
    seen: ProbeResult, tracks: tuple[str, ...], plays: bool, words: tuple[str, ...]
) -> None:
    result = playability(seen, tracks)
    assert (result.outcome is Outcome.PLAYING) is plays
    assert [word for word in words if word not in result.note] == []
    assert bool(result.note) is bool(words)


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.UNSUPPORTED])
def test_a_look_that_says_nothing_has_no_note(outcome: Outcome) -> None:
    seen = ProbeResult(outcome, why="why")
    assert playability(seen, ("MPEG-4 Video",)) == seen
