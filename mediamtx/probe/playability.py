"""Turn a probe's result and the stream's codecs into what viewers can play, with a note for the broadcaster.

MediaMTX v1.20.1 omits tracks from HLS and WebRTC that these cannot carry. So a stream whose video is omitted looks
audio-only to a probe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from control_plane.streams.probing.model import Outcome, ProbeResult, Trouble

_VIDEO = {
    "H264": "H.264",
    "H265": "H.265",
    "AV1": "AV1",
    "VP9": "VP9",
    "VP8": "VP8",
    "MPEG-4 Video": "MPEG-4 Part 2",
    "MPEG-1/2 Video": "MPEG-2",
    "M-JPEG": "Motion JPEG",
}
"""MediaMTX's name of a codec to the usual name."""
_AUDIO = {
    "MPEG-4 Audio": "AAC",
    "MPEG-4 Audio LATM": "AAC",
    "Opus": "Opus",
    "MPEG-1/2 Audio": "MP3",
    "AC3": "AC-3",
    "FLAC": "FLAC",
    "Vorbis": "Vorbis",
    "Speex": "Speex",
    "G711": "G.711",
    "G722": "G.722",
    "G726": "G.726",
    "LPCM": "PCM",
}
_PLAYED_VIDEO = {"H264", "H265"}
"""Codecs that nearly all players play, with the right encoder settings. AV1, VP8 and VP9 play in some players only."""
_HEARD = {"AAC", "Opus"}

SOUND_ONLY = "Viewers hear you but see no picture: your encoder sends sound only."
SILENT = "Your encoder is connected, but no picture arrives. Check its camera and its connection."
SETTINGS = (
    "Your {video} video arrives, but viewers cannot see it. Set the encoder to a key frame each second and no "
    "B-frames, and restart it."
)
UNDECODABLE = (
    "Your {video} video arrives, but its pictures are broken. Set the encoder to H.264, main profile, and restart it."
)
VIDEO_CODEC = "Your encoder sends {video} video, which viewers cannot see. Set it to H.264."
AUDIO_CODEC = "Viewers cannot hear your {audio} sound. Set the encoder to AAC, or to Opus for WHIP."


def playability(result: ProbeResult, codecs: Sequence[str]) -> ProbeResult:
    """`codecs`: MediaMTX's names of the stream's codecs, empty if unknown. A failed probe is returned unchanged."""
    video = [codec for codec in codecs if codec in _VIDEO]
    audio = [_AUDIO[codec] for codec in codecs if codec in _AUDIO]
    if result.outcome is Outcome.PLAYING:
        if not result.video_codec and video:  # MediaMTX omitted the video track
            result = replace(result, outcome=Outcome.NOT_PLAYING, trouble=Trouble.NOT_PACKAGED)
        elif not result.video_codec:
            return replace(result, note=SOUND_ONLY)
        elif audio and not _HEARD.intersection(audio):
            return replace(result, note=AUDIO_CODEC.format(audio=audio[0]))
    if result.outcome is not Outcome.NOT_PLAYING:
        return result
    return replace(result, note=_note(result.trouble, video, audio) if result.trouble else "")


def _note(trouble: Trouble, video: Sequence[str], audio: Sequence[str]) -> str:
    if not video and audio and not _HEARD.intersection(audio):
        return AUDIO_CODEC.format(audio=audio[0])
    if trouble is Trouble.SILENT or not video:
        return SILENT
    name = _VIDEO[video[0]]
    if not _PLAYED_VIDEO.intersection(video):
        return VIDEO_CODEC.format(video=name)
    return (UNDECODABLE if trouble is Trouble.UNDECODABLE else SETTINGS).format(video=name)
