"""Sample videos of the demo feed: five short vertical clips, with picture and sound from ffmpeg's generators."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from control_plane.base import child, ffmpeg
from control_plane.base.child import Kind
from control_plane.base.ffmpeg import FfmpegFailed
from ffmpeg_fixtures import sounds

WIDTH = 360
HEIGHT = 640
FPS = 25

_AT_ONCE = 2
_DEADLINE_S = 60.0
_UNFINISHED = ".unfinished-"
_SIZE = f"{WIDTH}x{HEIGHT}"
_UP = f"scale={WIDTH}:{HEIGHT}"


@dataclass(frozen=True, slots=True)
class Clip:
    slug: str
    title: str
    description: str
    duration_s: int
    picture: str
    """ffmpeg filter graph without an input, WIDTH × HEIGHT at FPS."""
    sound: str
    """Expression for ffmpeg's `aevalsrc`."""

    @property
    def media(self) -> str:
        """File name of the video: H.264 and AAC in MP4, with fast start."""
        return f"{self.slug}.mp4"

    @property
    def thumbnail(self) -> str:
        return f"{self.slug}.jpg"

    @property
    def preview(self) -> str:
        """File name of the preview: two seconds as an animated GIF."""
        return f"{self.slug}.gif"

    @property
    def width(self) -> int:
        return WIDTH

    @property
    def height(self) -> int:
        return HEIGHT

    @property
    def duration_ms(self) -> int:
        return self.duration_s * 1000

    @property
    def files(self) -> tuple[str, str, str]:
        return self.thumbnail, self.preview, self.media


CLIPS: tuple[Clip, ...] = (
    Clip(
        slug="ember",
        title="Ember drone",
        description="Slow fire, nowhere to be #calm #abstract",
        duration_s=8,
        picture=(
            f"perlin=s=90x160:r={FPS}:octaves=2:persistence=0.4:xscale=1.5:yscale=1.5:tscale=0.5:random_mode=seed:seed=11,"
            f"eq=contrast=2.2:brightness=-0.05,{_UP}:flags=bicubic,format=yuv444p,pseudocolor=p=inferno"
        ),
        sound=sounds.pad((110, 164.81, 220, 277.18), swell_s=4, volume=0.7),
    ),
    Clip(
        slug="loom",
        title="Loom arpeggio",
        description="A loom that weaves triangles: rule 18 #pattern #generative",
        duration_s=6,
        picture=(
            "cellauto=s=60x107:r=20:rule=18:seed=3:ratio=0.5,format=rgb24,"
            f"scale=360:642:flags=neighbor,crop={WIDTH}:{HEIGHT},fps={FPS}[threads];"
            f"gradients=s={_SIZE}:r={FPS}:n=3:c0=0x00f5d4:c1=0x9b5de5:c2=0xfee440:speed=0.02:seed=2[colours];"
            "[threads][colours]blend=all_mode=multiply"
        ),
        sound=sounds.together(sounds.melody(220, (0, 7, 12, 15, 19, 15, 12, 7), 0.125), sounds.pulse(160, 0.5)),
    ),
    Clip(
        slug="ripples",
        title="Ripples on glass",
        description="Two stones in a pond #blue #physics",
        duration_s=7,
        picture=(
            f"zoneplate=s={_SIZE}:r={FPS}:kx2=30:ky2=30:kt=-4,format=gray[one];"
            f"zoneplate=s={_SIZE}:r={FPS}:xo=120:yo=160:kx2=30:ky2=30:kt=-5,format=gray[other];"
            "[one][other]blend=all_mode=average,format=yuv444p,pseudocolor=p=blues"
        ),
        sound=sounds.melody(523.25, (0, 4, 7, 11, 14, 7, 4), 0.5, decay=4, volume=0.5),
    ),
    Clip(
        slug="bloom",
        title="Bloom bleeps",
        description="Small lives, big plans: Conway's game #pixel #retro",
        duration_s=7,
        picture=(
            "life=s=45x80:r=10:mold=40:ratio=0.3:seed=4:life_color=0xfff4d6:death_color=0xff5d8f:mold_color=0x14213d,"
            f"{_UP}:flags=neighbor,fps={FPS}"
        ),
        sound=sounds.together(
            sounds.melody(329.63, (0, 3, 5, 12, 10, 3, 7, 5, 15, 12), 0.2, decay=14),
            sounds.melody(82.41, (0, 0, 5, 7), 0.4, decay=3),
        ),
    ),
    Clip(
        slug="coast",
        title="Coast of infinity",
        description="The longer you look, the longer it gets #fractal #zoom",
        duration_s=8,
        picture=(
            f"mandelbrot=s=180x320:r={FPS}:maxiter=200:start_x=0.2929859127507:start_y=0.6117848324958:start_scale=1.4"
            ":end_scale=0.02:end_pts=200:inner=black,"
            f"format=gray,gblur=0.6,{_UP}:flags=bicubic,format=yuv444p,pseudocolor=p=viridis"
        ),
        sound=sounds.together(sounds.surf(4), sounds.pad((196, 246.94, 293.66), swell_s=8, volume=0.3)),
    ),
)


async def generate(directory: Path, progress: Callable[[str], None]) -> tuple[Clip, ...]:
    """Draw the clips that are missing in the directory and return all clips. A file appears only when it is complete.

    Raises FfmpegFailed.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for unfinished in directory.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        missing = [clip for clip in CLIPS if not all((directory / file).exists() for file in clip.files)]
        if missing:
            progress(f"Drawing {len(missing)} sample video{'s' if len(missing) > 1 else ''}")
        slots = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for clip in missing:
                group.create_task(_generate(clip, directory, slots), name=f"clip-{clip.slug}")
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    except OSError as error:
        raise FfmpegFailed(f"The sample videos cannot be written: {error.strerror}: {error.filename}.") from error
    return CLIPS


async def _generate(clip: Clip, directory: Path, slots: asyncio.Semaphore) -> None:
    async with slots:
        account = child.account_for(Kind.WORKER)
        with child.scratch(directory, account, _UNFINISHED) as unfinished:
            what = f"Drawing the sample video {clip.slug}"
            await ffmpeg.run(arguments(clip, unfinished), what, _DEADLINE_S, account)
            for file in clip.files:
                child.take(unfinished / file, directory / file)


def arguments(clip: Clip, folder: Path) -> list[str]:
    """ffmpeg arguments that draw a clip once and write all three files."""
    graph = (
        f"{clip.picture},trim=duration={clip.duration_s},split=3[whole][still][moving];"
        "[whole]scale=out_range=tv,format=yuv420p[video];"  # phones play full range as if it were limited range
        f"[still]select=eq(n\\,{FPS * 2})[thumbnail];"
        f"[moving]trim=duration=2,fps=6,scale={WIDTH // 3}:-2,split[frames][colours];"
        "[colours]palettegen=max_colors=32:stats_mode=diff[palette];"
        "[frames][palette]paletteuse=dither=bayer:bayer_scale=4:diff_mode=rectangle[preview];"
        f"aevalsrc='{clip.sound}':s=44100:d={clip.duration_s}[mono];[mono]aformat=channel_layouts=stereo[audio]"
    )
    video = ["-c:v", "libx264", "-preset", "superfast", "-crf", "31", "-maxrate", "300k", "-bufsize", "300k"]
    video += ["-pix_fmt", "yuv420p", "-g", str(FPS * 2)]
    audio = ["-c:a", "aac", "-b:a", "64k"]
    return [
        *("-filter_complex", graph, "-bitexact"),
        *("-map", "[video]", "-map", "[audio]", *video, *audio, "-movflags", "+faststart", str(folder / clip.media)),
        *("-map", "[thumbnail]", "-frames:v", "1", "-q:v", "7", "-update", "1", str(folder / clip.thumbnail)),
        *("-map", "[preview]", "-loop", "0", str(folder / clip.preview)),
    ]
