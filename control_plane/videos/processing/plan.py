"""Plans what ffmpeg does with an upload: one command that decodes it once and writes all files. Pure."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from control_plane.videos.processing.model import (
    CONTAINERS,
    FASTEST_MADE,
    LONGEST_S,
    LONGEST_SIDE,
    TOLERANCE_S,
    AudioStream,
    Probed,
    VideoStream,
)

UPLOAD, MEDIA, SMALL, POSTER, PREVIEW = "in", "media.mp4", "small.mp4", "poster.jpg", "preview.gif"
MARK, PROGRESS = "mark.png", "progress"
"""Names in the folder where ffmpeg works."""

FULL_SIDE, SMALL_SIDE = 1080, 540
"""The shorter side of the two videos. The longer one is at most 16:9 of it."""
POSTER_SIDE, PREVIEW_SIDE = 540, 180
FASTEST_SMALL = 30
"""Frames per second of the 540p video."""
SMALL_BITS_S, MARKED_BITS_S = 1_200_000, 6_000_000
"""The most bits per second of the 540p video, and of the one with a watermark."""
SOUND, SMALL_SOUND = "128k", "96k"
_SOUND_BITS_S = 256_000
"""More than those together, and what the container adds."""
_PICTURE_BYTES = 16 << 20
"""More than poster and preview, and than what an encoder's buffer lets through above the rate."""
MOST_COPIED_BITS_S = 8_000_000
"""A picture stream with fewer bits is kept as it is, if it is H.264 in the right size. More: phones load more."""
KEY_EVERY_S = 2
"""Seconds between key frames. More: players seek less exactly, and begin later. Fewer: larger files."""
PREVIEW_S, PREVIEW_FPS = 2, 6
THREADS = max(1, min(4, os.cpu_count() or 1))
"""Of the decoder and of each encoder. More: their buffers take more memory than the limit."""
LOUDNESS, LOUDEST_GAIN, SILENCE = -16.0, 15.0, -60.0
"""The wanted loudness in LUFS, the most that is added to quiet sound in dB, and what is not touched because it is noise."""
_PEAK = 0.84
"""-1.5 dB: AAC overshoots by about 1 dB."""
_STEREO = "aformat=sample_rates=48000:channel_layouts=stereo"
_LOUDNESS_KEY = "lavfi.r128.I"
_HDR = {16: "smpte2084", 18: "arib-std-b67"}
_BARE = ("-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact", "-dn", "-sn")
_BARE_STREAMS = ("-flags:v", "+bitexact", "-flags:a", "+bitexact")
_PLAYABLE = ("-movflags", "+faststart", "-f", "mp4")
_WITHOUT_MESSAGES = ("-bsf:v", "filter_units=remove_types=6")
"""Leaves out SEI units, where cameras and encoders write what they like."""


def encoding(probed: Probed, gain_db: float, folder: Path) -> list[str]:
    """Arguments of ffmpeg that make all files of `UPLOAD` in the folder. `SMALL` is missing when `MEDIA` is as small."""
    video, copied = probed.video, is_copied(probed)
    full, small = size_within(probed, FULL_SIDE), size_within(probed, SMALL_SIDE)
    wanted = [*([] if copied else ["full"]), *(["small"] if has_small(probed) else []), "poster", "preview"]
    audible = [kind for kind in ("full", "small") if kind == "full" or has_small(probed)]
    graph = [
        f"[0:{video.index}]{_clean(video, full)},split={len(wanted)}" + "".join(f"[{kind}_in]" for kind in wanted),
        *([f"[full_in]{_fewer(probed, FASTEST_MADE)}null[full]"] if "full" in wanted else []),
        *(
            [f"[small_in]{_fewer(probed, FASTEST_SMALL)}scale={small[0]}:{small[1]}[small]"]
            if "small" in wanted
            else []
        ),
        f"[poster_in]select='eq(n,0)+gte(t,{_still_s(probed):.3f})',{_scaled(probed, POSTER_SIDE)}[poster]",
        f"[preview_in]trim=duration={PREVIEW_S},fps={PREVIEW_FPS}:eof_action=pass,{_scaled(probed, PREVIEW_SIDE)},split[frames][colours]",
        "[colours]palettegen=max_colors=64:stats_mode=diff[palette]",
        "[frames][palette]paletteuse=dither=bayer:bayer_scale=4:diff_mode=rectangle[preview]",
    ]
    if probed.audio:
        sound = f"[0:{probed.audio.index}]{sound_filter(gain_db)},atrim=end={probed.duration_ms}ms"
        graph.append(f"{sound},asplit={len(audible)}" + "".join(f"[{kind}_sound]" for kind in audible))
    arguments = [*opened(folder / UPLOAD, folder / PROGRESS), "-filter_complex", ";".join(graph)]
    written = [*_copied(video)] if copied else ["-map", "[full]", *_h264(23, bits_of(probed, full), FASTEST_MADE)]
    arguments += [*written, *_sound(probed, "full", SOUND), *_BARE, *_PLAYABLE, str(folder / MEDIA)]
    if "small" in wanted:
        written = ["-map", "[small]", *_h264(25, SMALL_BITS_S, FASTEST_SMALL)]
        arguments += [*written, *_sound(probed, "small", SMALL_SOUND), *_BARE, *_PLAYABLE, str(folder / SMALL)]
    still = ("-frames:v", "2", "-update", "1", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", "4")
    arguments += ["-map", "[poster]", "-fps_mode", "passthrough", *still, *_BARE, "-f", "image2", str(folder / POSTER)]
    arguments += ["-map", "[preview]", "-loop", "0", *_BARE, "-f", "gif", str(folder / PREVIEW)]
    return arguments


def most_bytes(probed: Probed) -> int:
    """Of the files that `encoding` makes, together."""
    full = probed.video.bits_s if is_copied(probed) else bits_of(probed, size_within(probed, FULL_SIDE))
    return _bytes(full + (SMALL_BITS_S if has_small(probed) else 0), probed.duration_ms)


def most_bytes_marked(duration_ms: int) -> int:
    """Of the file that `watermarking` makes."""
    return _bytes(MARKED_BITS_S, duration_ms)


def measuring(audio: AudioStream, folder: Path) -> list[str]:
    """Arguments of ffmpeg that write the loudness up to each 100 ms of sound to its standard output. Measured in stereo, as
    it is written: to mix several channels changes the loudness."""
    measure = f"{_STEREO},ebur128=metadata=1,ametadata=mode=print:key={_LOUDNESS_KEY}:file=-"
    return [*opened(folder / UPLOAD), "-map", f"0:{audio.index}", "-af", measure, "-vn", "-f", "null", "-"]


def gain_db(output: str) -> float:
    """What has to be added, by the output of `measuring`."""
    _, found, last = output.rpartition(f"{_LOUDNESS_KEY}=")
    try:
        loudness = float(last.split()[0]) if found else SILENCE
    except (ValueError, IndexError):
        return 0.0
    return 0.0 if not loudness > SILENCE else round(min(LOUDNESS - loudness, LOUDEST_GAIN), 1)


def watermarking(folder: Path) -> list[str]:
    """Arguments of ffmpeg that write `MEDIA` from `UPLOAD`, one of our videos, with the picture `MARK` above it."""
    graph = "[1:0]null[mark];[0:v:0][mark]overlay=x=W-w-24:y=24,format=yuv420p[full]"
    video = ("-map", "[full]", *_h264(23, MARKED_BITS_S, FASTEST_MADE), "-map", "0:a:0?", "-c:a", "copy")
    arguments = [*opened(folder / UPLOAD), "-i", str(folder / MARK), "-filter_complex", graph]
    return [*arguments, *video, *_BARE, *_PLAYABLE, str(folder / MEDIA)]


def opened(upload: Path, progress: Path | None = None) -> list[str]:
    """Arguments that open an upload: it may name no other files, and no longer or larger one than was probed."""
    told = [] if progress is None else ["-progress", str(progress)]
    bounds = ("-t", str(LONGEST_S + TOLERANCE_S), "-max_pixels", str(LONGEST_SIDE * LONGEST_SIDE))
    only = ("-protocol_whitelist", "file", "-format_whitelist", CONTAINERS)
    return ["-y", *told, "-threads", str(THREADS), *only, *bounds, "-i", str(upload)]


def is_copied(probed: Probed) -> bool:
    """Whether the picture stream plays everywhere as it is."""
    video = probed.video
    return (
        video.codec == "h264"
        and video.format == "yuv420p"
        and video.pixel_width == 1
        and video.transfer not in _HDR
        and not (video.transformed or video.interlaced or video.trimmed or video.full_range)
        and video.bits_s <= MOST_COPIED_BITS_S
        and probed.frames_s <= FASTEST_MADE + 1
        and size_within(probed, FULL_SIDE) == probed.size
    )


def has_small(probed: Probed) -> bool:
    return size_within(probed, SMALL_SIDE) != size_within(probed, FULL_SIDE)


def size_within(probed: Probed, side: int) -> tuple[int, int]:
    """Even width and height with a shorter side of at most `side`, and a longer one of at most 16:9 of it."""
    width, height = probed.size
    fit = min(1.0, side / min(width, height), side * 16 / 9 / max(width, height))
    return max(2, int(width * fit / 2 + 0.001) * 2), max(2, int(height * fit / 2 + 0.001) * 2)


def bits_of(probed: Probed, size: tuple[int, int]) -> int:
    """The most bits per second: 6 Mbit/s for 1080p with 30 frames, half as much again for 60."""
    share = min(1.0, size[0] * size[1] / (1920 * 1080))
    return max(300_000, round(6_000_000 * share * (1.5 if probed.frames_s > 31 else 1)))


def sound_filter(gain: float) -> str:
    limited = f"volume={gain}dB,alimiter=limit={_PEAK}:level=false," if gain else ""
    return f"aresample=48000:async=1:first_pts=0,{limited}{_STEREO}"


def _bytes(video_bits_s: int, duration_ms: int) -> int:
    return (video_bits_s + _SOUND_BITS_S) * duration_ms // 8000 + _PICTURE_BYTES


def _clean(video: VideoStream, size: tuple[int, int]) -> str:
    """As it is shown: the right way up (ffmpeg does that before), square pixels, progressive, in the colours of BT.709 or
    of what is not HDR, 8 bits."""
    progressive = "bwdif=mode=send_frame," if video.interlaced else ""
    scaled = f"scale={size[0]}:{size[1]}:out_range=limited,setsar=1"
    if video.transfer not in _HDR:
        return f"{progressive}{scaled},format=yuv420p"
    source = f"tin={_HDR[video.transfer]}:pin=2020:min=2020_ncl:rin=limited"
    linear = f"zscale={source}:t=linear:npl=203,format=gbrpf32le,zscale=p=709"
    mapped = "tonemap=hable:desat=0,zscale=t=709:m=709:p=709:r=limited"
    return f"{progressive}{scaled},{linear},{mapped},format=yuv420p"


def _fewer(probed: Probed, fastest: int) -> str:
    """Leaves out frames, of more per second than these. The encoder's own limit would do so, too, but it shows the other
    frames up to two frames late, while the sound stays where it is."""
    return f"fps={fastest}," if probed.frames_s > fastest + 0.5 else ""


def _scaled(probed: Probed, side: int) -> str:
    width, height = size_within(probed, side)
    return f"scale={width}:{height}"


def _still_s(probed: Probed) -> float:
    return min(1.0, probed.duration_ms / 3000)


def _h264(quality: int, most_bits_s: int, fastest: int) -> Sequence[str]:
    bits = ("-crf", str(quality), "-maxrate", str(most_bits_s), "-bufsize", str(2 * most_bits_s))
    keys = ("-force_key_frames", f"expr:gte(t,n_forced*{KEY_EVERY_S})")
    speed = ("-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-threads", str(THREADS))
    return (*speed, *bits, *keys, "-fpsmax", str(fastest), "-pix_fmt", "yuv420p", *_BARE_STREAMS)


def _copied(video: VideoStream) -> Sequence[str]:
    return ("-map", f"0:{video.index}", "-c:v", "copy", *_WITHOUT_MESSAGES, *_BARE_STREAMS)


def _sound(probed: Probed, kind: str, bits: str) -> Sequence[str]:
    return ("-map", f"[{kind}_sound]", "-c:a", "aac", "-b:a", bits) if probed.audio else ("-an",)
