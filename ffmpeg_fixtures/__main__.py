"""Command line `python -m ffmpeg_fixtures`: publish a test picture to an address, or draw the demo's clips.

It uses the bundled ffmpeg, so none has to be installed.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from control_plane.base import ffmpeg
from control_plane.base.ffmpeg import FfmpegFailed
from ffmpeg_fixtures import clips
from ffmpeg_fixtures.publisher import INTERRUPTED, Picture, Publisher, VideoCodec

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Synthetic publishers and clips.")


@app.command()
def publish(
    url: Annotated[str, typer.Argument(help="rtmp://, srt://, or http:// for WHIP, with the stream key.")],
    duration_s: Annotated[float | None, typer.Option("--duration", help="Seconds; without it, until Ctrl-C.")] = None,
    gop_s: Annotated[float, typer.Option("--gop", help="Seconds between key frames.")] = 1.0,
    b_frames: Annotated[
        int, typer.Option("--b-frames", help="Number of B-frames in a row. WebRTC cannot play any.")
    ] = 0,
    codec: Annotated[VideoCodec, typer.Option("--codec")] = VideoCodec.H264,
) -> None:
    """Publish a moving test picture with a tone. The address with its key is visible in this machine's process list."""
    try:
        publisher = Publisher(url, Picture(gop_s=gop_s, b_frames=b_frames, codec=codec, duration_s=duration_s))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    typer.echo(f"Publishing to {ffmpeg.masked(url)} {f'for {duration_s:g} s' if duration_s else 'until Ctrl-C'}")
    with _failures_told():
        asyncio.run(_publish(publisher))


@app.command("clips")
def make_clips(directory: Path) -> None:
    """Draw the sample videos of the demo feed into a directory."""
    with _failures_told():
        for clip in asyncio.run(clips.generate(directory, typer.echo)):
            typer.echo(directory / clip.media)


async def _publish(publisher: Publisher) -> None:
    """Publish until the duration is over, or SIGINT or SIGTERM. Raises FfmpegFailed with ffmpeg's output."""
    async with publisher:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, publisher.interrupt)
        status = await publisher.wait(deadline_s=None)
    if status == 0 or (status == INTERRUPTED and publisher.interrupted):
        return
    raise FfmpegFailed(f"{_hint(publisher.stderr_tail)}\nffmpeg wrote (status {status}):\n{publisher.stderr_tail}")


def _hint(written: str) -> str:
    if "Connection refused" in written:
        return "Publishing failed: nothing listens at this address. Start the server, or check host and port."
    return "Publishing stopped. If the server is up, the key is wrong or rotated, or the stream has ended."


@contextmanager
def _failures_told() -> Iterator[None]:
    try:
        yield
    except FfmpegFailed as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app(prog_name="python -m ffmpeg_fixtures")
