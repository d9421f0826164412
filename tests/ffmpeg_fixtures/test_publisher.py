"""Publishers, with a listener of another program."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import av
import psutil
import pytest
from av.container import InputContainer
from typer.testing import CliRunner

from control_plane.base.ffmpeg import masked
from ffmpeg_fixtures.__main__ import app
from ffmpeg_fixtures.publisher import INTERRUPTED, Picture, Publisher, VideoCodec, arguments
from tests.ports import free_port

DEADLINE_S = 20.0


def option(argv: list[str], name: str) -> str:
    return argv[argv.index(name) + 1]


@dataclass(frozen=True, slots=True)
class Received:
    codecs: list[str]
    size: tuple[int, int]
    key_frames_at: list[float]
    has_b_frames: bool
    seconds: float


def receive(url: str) -> Received:
    """Listen for one RTMP publisher, and record all that it sends."""
    with av.open(url, options={"listen": "1"}, timeout=DEADLINE_S) as container:
        video = container.streams.video[0]
        codecs = [stream.codec_context.name for stream in container.streams]
        packets = list(until_closed(container, video))
        times = [float(packet.pts * packet.time_base) for packet in packets if packet.pts is not None]
        return Received(
            codecs=sorted(codecs),
            size=(video.width, video.height),
            key_frames_at=[at for at, packet in zip(times, packets, strict=True) if packet.is_keyframe],
            has_b_frames=any(packet.pts != packet.dts for packet in packets),
            seconds=max(times) - min(times),
        )


def until_closed(container: InputContainer, stream: av.VideoStream) -> Iterator[av.Packet[av.VideoStream]]:
    with suppress(av.error.OSError):  # how the end of the connection shows
        yield from container.demux(stream)


def test_the_scheme_of_the_address_decides_how_it_is_sent() -> None:
    rtmp = arguments("rtmp://127.0.0.1:1935/live/7?token=k", Picture())
    srt = arguments("srt://127.0.0.1:8890?streamid=publish:live/7:token=k", Picture())
    whip = arguments("http://127.0.0.1:8889/live/7/whip?token=k", Picture())
    assert [option(argv, "-f") for argv in (rtmp[10:], srt[10:], whip[10:])] == ["flv", "mpegts", "whip"]
    assert [option(argv, "-c:a") for argv in (rtmp, srt, whip)] == ["aac", "aac", "libopus"]
    assert [argv[-1][:4] for argv in (rtmp, srt, whip)] == ["rtmp", "srt:", "http"]
    with pytest.raises(ValueError, match="must begin with one of rtmp://"):
        arguments("ftp://127.0.0.1/live/7?token=k", Picture())


def test_a_picture_is_what_it_says() -> None:
    argv = arguments("rtmp://h/live/7", Picture(width=720, height=1280, fps=30, gop_s=2, b_frames=3, duration_s=4))
    assert "testsrc2=size=720x1280:rate=30" in argv
    assert (option(argv, "-g"), option(argv, "-bf"), option(argv, "-t")) == ("60", "3", "4")
    assert "-t" not in arguments("rtmp://h/live/7", Picture())
    assert option(arguments("rtmp://h/live/7", Picture(codec=VideoCodec.H265)), "-c:v") == "libx265"


@pytest.mark.parametrize(
    ("picture", "video", "gop_s"),
    [
        (Picture(duration_s=3), "h264", 1),
        (Picture(duration_s=3, gop_s=0.4, b_frames=2), "h264", 0.4),
        (Picture(duration_s=3, codec=VideoCodec.H265), "hevc", 1),
    ],
    ids=["usual", "b-frames", "h265"],
)
async def test_what_is_published_arrives(picture: Picture, video: str, gop_s: float) -> None:
    url = f"rtmp://127.0.0.1:{free_port()}/live/7"
    listening = asyncio.create_task(asyncio.to_thread(receive, url))
    status = 1
    async with asyncio.timeout(DEADLINE_S):
        while status != 0:  # refused until somebody listens
            async with Publisher(f"{url}?token=secret", picture) as publisher:
                status = await publisher.wait(DEADLINE_S)
        received = await listening
    assert received.codecs == sorted(["aac", video])
    assert received.size == (360, 640)
    assert received.seconds == pytest.approx(3, abs=0.2)
    assert received.has_b_frames == (picture.b_frames > 0)
    first = received.key_frames_at[0]
    assert [at - first for at in received.key_frames_at[:3]] == pytest.approx([0, gop_s, 2 * gop_s], abs=0.01)


async def test_a_refused_publisher_ends_and_its_words_hold_no_key() -> None:
    async with Publisher(f"rtmp://127.0.0.1:{free_port()}/live/7?token=Very-Secret_key") as publisher:
        assert await publisher.wait(DEADLINE_S) not in (0, INTERRUPTED)
        assert "Connection refused" in publisher.stderr_tail
        assert "/live/7?token=***" in publisher.stderr_tail
        for shown in (publisher.stderr_tail, repr(publisher)):
            assert "Very-Secret_key" not in shown


def test_keys_are_masked_wherever_an_address_holds_them() -> None:
    for address in ("rtmp://h/live/7?token={}", "srt://h:8890?streamid=publish:live/7::{}&pkt_size=1316"):
        assert masked(address.format("Very-Secret_key")) == address.format("***")


@asynccontextmanager
async def held_by_a_server_that_never_answers() -> AsyncIterator[Publisher]:
    """A publisher that is connected and waits for the server's part of the handshake."""
    connected = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, Publisher(f"rtmp://127.0.0.1:{port}/live/7") as publisher:
        await asyncio.wait_for(connected.wait(), DEADLINE_S)
        yield publisher


async def test_stop_and_kill_end_a_publisher_even_while_it_waits_for_the_server() -> None:
    async with held_by_a_server_that_never_answers() as publisher:
        await publisher.stop()
        assert publisher.returncode in (0, INTERRUPTED)
    async with held_by_a_server_that_never_answers() as publisher:
        await publisher.kill()
        assert publisher.returncode == -9
        await publisher.stop()


async def test_leaving_ends_a_publisher_that_hangs() -> None:
    async with held_by_a_server_that_never_answers() as publisher:
        process = psutil.Process(publisher.pid)
        process.suspend()
        with pytest.raises(TimeoutError):
            await publisher.wait(0.05)
    assert publisher.returncode == -9
    assert not process.is_running()


async def test_the_terminals_ctrl_c_does_not_reach_a_publisher() -> None:
    async with held_by_a_server_that_never_answers() as publisher:
        assert os.getsid(publisher.pid) == publisher.pid != os.getsid(0)


async def test_the_command_tells_why_it_failed_and_shows_no_key() -> None:
    url = f"rtmp://127.0.0.1:{free_port()}/live/7?token=Very-Secret_key"
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ffmpeg_fixtures", "publish", url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    written, _ = await asyncio.wait_for(command.communicate(), DEADLINE_S)
    assert command.returncode == 1
    assert b"Connection refused" in written
    assert b"Very-Secret_key" not in written


@pytest.mark.parametrize("command", [("publish", "rtmp://127.0.0.1:9/live/7"), ("clips", "samples")])
def test_the_commands_use_the_ffmpeg_of_the_setting(command: tuple[str, str], tmp_path: Path) -> None:
    arguments = [command[0], command[1] if "://" in command[1] else str(tmp_path / command[1])]
    told = CliRunner().invoke(app, arguments, env={"LIVE_FFMPEG": "/nowhere/ffmpeg"})
    assert told.exit_code == 1
    assert "LIVE_FFMPEG=/nowhere/ffmpeg is not an executable file." in told.output
