"""Videos as phones record them. The corners of the picture have colours, and a flash comes with a beep, so that a copy shows
which way is up, and whether sound and picture are together."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from api.contract.client import Client
from tests.control_plane.videos.samples import Samples

CORNERS = {"red": (0, 0), "lime": (1, 0), "blue": (0, 1)}
"""The colours and where they are, as right and down, 0 or 1."""
FLASH_S = 0.5
_SECRETS = ("-metadata", "title=SecretTitle", "-metadata", "comment=SecretTitle")
_PLACE = ("-metadata", "location=+48.8588+002.2943/")
_APPLE_PLACE = (
    *("-movflags", "use_metadata_tags", "-metadata", "com.apple.quicktime.location.ISO6709=+48.8588+002.2943+035.100/"),
    *("-metadata", "com.apple.quicktime.make=Apple"),
)
_TRANSPOSED = {0: "null", 90: "transpose=cclock", 180: "hflip,vflip", 270: "transpose=clock"}
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
HLG = "scale=out_color_matrix=bt2020,setparams=color_primaries=bt2020:color_trc=arib-std-b67:colorspace=bt2020nc,format=yuv420p10le"
HEVC = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-tag:v", "hvc1")
AAC = ("-c:a", "aac")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    draw: Callable[[Samples], Awaitable[Path]]
    app: Client
    seconds: float
    rate: int
    """Frames per second, at most."""
    shown: tuple[int, int]
    """Width and height of the video that the apps play."""
    small: tuple[int, int]
    sound: bool = True


def scene(width: int, height: int, rate: int, seconds: float, turned: int = 0, more: str = "") -> tuple[str, ...]:
    """Arguments that open a picture of this size, and its sound. `turned`: degrees by which players have to turn it
    clockwise."""
    side = min(width, height) // 4
    boxes = [
        f"drawbox={right * (width - side)}:{down * (height - side)}:{side}:{side}:{colour}:fill"
        for colour, (right, down) in CORNERS.items()
    ]
    flash = f"drawbox={(width - side) // 2}:{(height - side) // 2}:{side}:{side}:white:fill:enable='gte(t,{FLASH_S})'"
    picture = f"color=0x404040:size={width}x{height}:rate={rate}:duration={seconds}"
    filters = ",".join([*boxes, flash, _TRANSPOSED[turned], *([more] if more else [])])
    tone = f"aevalsrc='0.1*sin(2*PI*1000*t)*gte(t,{FLASH_S})':s=48000:d={seconds}"
    return ("-f", "lavfi", "-i", f"{picture},format=rgb24,{filters}", "-f", "lavfi", "-i", tone)


async def turned(samples: Samples, source: Path, degrees: int, name: str, more: Sequence[str]) -> Path:
    """The same streams, with the flag that players turn the picture by."""
    return await samples.draw(
        name, ["-display_rotation", str(-degrees), "-i", str(source), "-map", "0", "-c", "copy", *more]
    )


async def portrait(samples: Samples) -> Path:
    source = await samples.draw("upright.mp4", [*scene(720, 1280, 30, 3, 90), *X264, *AAC])
    video = await turned(samples, source, 90, "portrait.mp4", [*_SECRETS, *_PLACE])
    matrix = b"".join(number.to_bytes(4, "big", signed=True) for number in (0, 1 << 16, 0, -(1 << 16), 0, 0))
    assert matrix in video.read_bytes(), "as phones write it"
    return video


async def iphone(samples: Samples) -> Path:
    """HEVC with 10 bits and HLG, upside down, in a QuickTime file: with a spatial sound that ffmpeg does not know before
    the other one, three tracks of metadata, and a time code."""
    notes = samples.folder / "notes.srt"
    notes.write_text("1\n00:00:00,000 --> 00:00:01,000\nSecretMessage\n\n")
    tracks = ("-map", "0:v", *("-map", "1:a") * 2, *("-map", "2:s") * 3, "-c:s", "mov_text")
    picture = (*scene(720, 1280, 30, 1, 270, HLG), "-i", str(notes), *tracks)
    source = await samples.draw("hlg.mov", [*picture, *HEVC, *AAC, "-timecode", "01:00:00:00"])
    video = await turned(samples, source, 270, "iphone.mov", [*_SECRETS, *_APPLE_PLACE])
    content = video.read_bytes()
    content = re.sub(rb"(hdlr....mhlr)text", rb"\1meta", content, flags=re.DOTALL)
    content = re.sub(rb"(stsd.{12})text", rb"\1mebx", content, flags=re.DOTALL)
    content = re.sub(rb"(stsd.{12})mp4a", rb"\1apac", content, count=1, flags=re.DOTALL)
    changed = [content.count(kind) for kind in (b"mhlrmeta", b"mebx", b"apac", b"tmcd")]
    assert changed == [3, 3, 1, 4], changed
    video = video.with_name("recorded-iphone.mov")
    video.write_bytes(content)
    return video


async def variable(samples: Samples) -> Path:
    """As phones record in the dark: 30 frames per second, then 10. Held upside down."""
    uneven = "select='lt(n,15)+not(mod(n,3))'"
    source = await samples.draw(
        "uneven.mp4", [*scene(640, 360, 30, 2, 180, uneven), "-fps_mode", "vfr", *X264, *AAC, "-b:v", "200k"]
    )
    return await turned(samples, source, 180, "variable.mp4", [*_SECRETS, *_PLACE])


async def silent(samples: Samples) -> Path:
    return await samples.draw("silent.mp4", [*scene(640, 360, 30, 1), "-an", *X264, *_SECRETS, *_PLACE])


async def vp9(samples: Samples) -> Path:
    codecs = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-pix_fmt", "yuv420p", "-c:a", "libopus")
    return await samples.draw("vp9.webm", [*scene(360, 640, 25, 1), *codecs, *_SECRETS])


async def odd(samples: Samples) -> Path:
    """Larger than 1080p, with sides that are not even."""
    codec = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p")
    return await samples.draw("odd.mp4", [*scene(1215, 2163, 10, 1), *codec, *AAC, *_SECRETS, *_PLACE])


async def uhd(samples: Samples) -> Path:
    source = await samples.draw("uhd.mov", [*scene(2160, 3840, 60, 2, 90, HLG), *HEVC, *AAC])
    return await turned(samples, source, 90, "uhd.mov", [*_SECRETS, *_APPLE_PLACE])


async def hdr10(samples: Samples) -> Path:
    """As Android's phones record HDR."""
    picture = scene(720, 1280, 30, 1, more=HLG.replace("arib-std-b67", "smpte2084"))
    return await samples.draw("hdr10.mp4", [*picture, *HEVC, *AAC, *_SECRETS, *_PLACE])


async def fragmented(samples: Samples) -> Path:
    """As browsers record."""
    fragments = ("-g", "10", "-movflags", "frag_keyframe+empty_moov+default_base_moof")
    return await samples.draw("fragmented.mp4", [*scene(640, 360, 30, 2), *X264, *AAC, *fragments, *_SECRETS])


async def av1(samples: Samples) -> Path:
    codecs = ("-c:v", "libsvtav1", "-preset", "12", "-pix_fmt", "yuv420p10le", *AAC)
    return await samples.draw("av1.mp4", [*scene(720, 1280, 30, 3), *codecs, *_SECRETS, *_PLACE])


async def long(samples: Samples) -> Path:
    """Ten minutes of 1080p: four seconds again and again."""
    part = await samples.draw("part.mp4", [*scene(1080, 1920, 30, 4), *X264, "-g", "120", "-bf", "0", *AAC])
    return await samples.draw(
        "long.mp4", ["-stream_loop", "149", "-i", str(part), "-c", "copy", "-t", "600", *_SECRETS, *_PLACE]
    )


async def surround(samples: Samples) -> Path:
    four = ("-af", "pan=4.0|FL=c0|FR=c0|FC=c0|BC=c0")
    return await samples.draw("surround.mp4", [*scene(640, 360, 30, 2), *X264, *four, *AAC, *_SECRETS, *_PLACE])


async def slow_motion(samples: Samples) -> Path:
    return await samples.draw("slow.mp4", [*scene(1280, 720, 120, 2), *X264, *AAC, *_SECRETS, *_PLACE])


async def old(samples: Samples) -> Path:
    """As phones recorded before H.264."""
    codecs = ("-c:v", "h263", "-pix_fmt", "yuv420p", "-c:a", "libopencore_amrnb", "-ar", "8000", "-b:a", "12.2k")
    return await samples.draw("old.3gp", [*scene(352, 288, 15, 2), *codecs, *_SECRETS, *_PLACE])


IOS, ANDROID = Client.IOS, Client.ANDROID
RECORDINGS = {
    "portrait": Recording(draw=portrait, app=ANDROID, seconds=3, rate=30, shown=(720, 1280), small=(540, 960)),
    "iPhone": Recording(draw=iphone, app=IOS, seconds=1, rate=30, shown=(720, 1280), small=(540, 960)),
    "variable rate": Recording(draw=variable, app=ANDROID, seconds=1.933, rate=30, shown=(640, 360), small=(640, 360)),
    "no audio": Recording(draw=silent, app=IOS, seconds=1, rate=30, shown=(640, 360), small=(640, 360), sound=False),
    "VP9": Recording(draw=vp9, app=ANDROID, seconds=1, rate=25, shown=(360, 640), small=(360, 640)),
    "odd size": Recording(draw=odd, app=IOS, seconds=1, rate=10, shown=(1078, 1920), small=(538, 960)),
}
"""Cheap ones, for each run of the tests."""
MORE_RECORDINGS = {
    "4K60 HDR": Recording(draw=uhd, app=IOS, seconds=2, rate=60, shown=(1080, 1920), small=(540, 960)),
    "HDR10": Recording(draw=hdr10, app=ANDROID, seconds=1, rate=30, shown=(720, 1280), small=(540, 960)),
    "fragmented": Recording(draw=fragmented, app=IOS, seconds=2, rate=30, shown=(640, 360), small=(640, 360)),
    "AV1": Recording(draw=av1, app=ANDROID, seconds=3, rate=30, shown=(720, 1280), small=(540, 960)),
    "ten minutes": Recording(draw=long, app=ANDROID, seconds=600, rate=30, shown=(1080, 1920), small=(540, 960)),
    "four channels": Recording(draw=surround, app=IOS, seconds=2, rate=30, shown=(640, 360), small=(640, 360)),
    "120 frames": Recording(draw=slow_motion, app=IOS, seconds=2, rate=120, shown=(1280, 720), small=(960, 540)),
    "3GP": Recording(draw=old, app=ANDROID, seconds=2, rate=15, shown=(352, 288), small=(352, 288)),
}
