"""The probe with a real MediaMTX and real publishers, and its process with servers that hang."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import av
import imageio_ffmpeg
import psutil
import pytest

from control_plane.base import child_start
from control_plane.streams.media.model import PathName
from control_plane.streams.probing.model import Outcome, ProbeKey, ProbeResult, Trouble, Via
from ffmpeg_fixtures.publisher import Picture, Publisher, VideoCodec
from mediamtx.node.client import MediaMTXClient
from mediamtx.probe.__main__ import NICE
from mediamtx.probe.media_probe import MediaMTXProbe
from mediamtx.probe.messages import Order, line
from mediamtx.probe.picture import WIDTH, jpeg
from tests.end_to_end.rtmp import VIDEO, Tag, publish, tags
from tests.mediamtx.rig import STREAM_KEY, Rig, running
from tests.waiting import until

AUTOGROUP = Path(child_start.AUTOGROUP)
PATH = PathName("live/7")
KEY = ProbeKey("kPROBEKEYdoesNotLeak")
DEADLINE_S = 12.0
UNASKED = MediaMTXClient("http://127.0.0.1:9", "")
"""For probes that fail: they have seen no stream, so no codecs are requested."""


def probe_of(rig: Rig) -> MediaMTXProbe:
    config = rig.config
    return MediaMTXProbe(f"http://127.0.0.1:{config.hls_port}", f"http://127.0.0.1:{config.webrtc_port}", rig.client)


@asynccontextmanager
async def online(rig: Rig, picture: Picture, scheme: str = "rtmp") -> AsyncIterator[Publisher]:
    whip_url = f"http://127.0.0.1:{rig.config.webrtc_port}/{PATH}/whip?token=k"
    async with Publisher(rig.publish_url(PATH) if scheme == "rtmp" else whip_url, picture) as publisher:
        await comes_online(rig)
        yield publisher


async def comes_online(rig: Rig, name: PathName = PATH) -> None:
    await until(lambda: is_online(rig, name), 20)


async def is_online(rig: Rig, name: PathName = PATH) -> bool:
    path = await rig.client.get_path(name)
    return path is not None and path.online


@contextmanager
def standing_still(publisher: Publisher) -> Iterator[None]:
    os.kill(publisher.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(publisher.pid, signal.SIGCONT)


# ── what is seen ──


@pytest.mark.parametrize(
    ("picture", "via", "codec", "audio"),
    [
        pytest.param(Picture(640, 360), Via.WHEP, "h264", None, id="H264"),
        pytest.param(Picture(640, 360, b_frames=2), Via.HLS, "h264", True, id="H264 with B-frames"),
        pytest.param(Picture(640, 360, codec=VideoCodec.H265), Via.HLS, "hevc", True, id="HEVC"),
    ],
)
async def test_a_stream_plays_stands_still_and_plays_again(
    mediamtx_binary: Path, tmp_path: Path, picture: Picture, via: Via, codec: str, audio: bool | None
) -> None:
    file = tmp_path / "7.jpg"
    async with (
        running(mediamtx_binary, tmp_path, read_timeout_s=60) as rig,
        online(rig, picture) as publisher,
        probe_of(rig) as probe,
    ):
        plays = await probe.probe(PATH, KEY, file, DEADLINE_S)
        assert plays == ProbeResult(Outcome.PLAYING, via, 640, 360, codec, audio, pictured=True, seconds=plays.seconds)
        assert decoded_size(file.read_bytes()) == (360, 202)
        assert [kept.name for kept in tmp_path.iterdir() if "jpg" in kept.name] == ["7.jpg"]
        with standing_still(publisher):
            still = await probe.probe(PATH, KEY, None, DEADLINE_S)
            assert (still.outcome, still.pictured) == (Outcome.NOT_PLAYING, False), still
            assert still.seconds < 7, "MediaMTX drops a silent publisher after 8 s by default"
            assert await is_online(rig)
        again = await probe.probe(PATH, KEY, None, DEADLINE_S)
        assert (again.outcome, again.via, again.pictured) == (Outcome.PLAYING, via, False)


async def test_the_probe_knocks_with_its_key_and_under_its_name(rig: Rig) -> None:
    async with online(rig, Picture(b_frames=2)), probe_of(rig) as probe:
        await probe.probe(PATH, KEY, None, DEADLINE_S)
    knocks = [(asked["protocol"], asked["token"], asked["userAgent"]) for asked in rig.listener.asked]
    assert [knock for knock in knocks if knock[0] == "webrtc"] == [("webrtc", KEY, "stagedoor-probe")]
    assert {knock for knock in knocks if knock[0] == "hls"} == {("hls", KEY, "stagedoor-probe")}
    assert all(KEY not in asked["query"] for asked in rig.listener.asked), "which the control API shows"
    assert KEY not in rig.log


async def test_opus_is_heard_by_whep(rig: Rig) -> None:
    async with online(rig, Picture(), scheme="http"), probe_of(rig) as probe:
        result = await probe.probe(PATH, KEY, None, DEADLINE_S)
    assert (result.outcome, result.via, result.audio) == (Outcome.PLAYING, Via.WHEP, True)


async def test_a_path_without_media_does_not_play_and_a_probe_that_is_not_let_in_says_nothing(rig: Rig) -> None:
    async with probe_of(rig) as probe:
        result = await probe.probe(PATH, KEY, None, DEADLINE_S)
        assert result.outcome is Outcome.NOT_PLAYING
        assert result.seconds < 5, "it is known at once"
        rig.listener.allow = lambda asked: asked["action"] != "read"
        refused = await probe.probe(PATH, KEY, None, DEADLINE_S)
    assert (refused.outcome, refused.why) == (Outcome.FAILED, "the key was refused")


@pytest.mark.parametrize(
    ("size", "picture"),
    [((1280, 720), (WIDTH, 202)), ((720, 1280), (WIDTH, 640)), ((240, 320), (240, 320)), ((161, 91), (160, 90))],
)
def test_a_picture_is_small_and_never_enlarged(size: tuple[int, int], picture: tuple[int, int]) -> None:
    frame = av.VideoFrame(*size, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes([128]) * plane.buffer_size)
    assert decoded_size(jpeg(frame)) == picture


def decoded_size(data: bytes) -> tuple[int, int]:
    decoder = av.CodecContext.create("mjpeg", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    [frame] = decoder.decode(av.Packet(data))
    return frame.width, frame.height


# ── what viewers cannot be shown ──


async def recorded(*encoder: str, sound: str = "aac") -> list[Tag]:
    """Half a minute of an encoder's RTMP, encoded at once."""
    source = (
        "-v error -f lavfi -i testsrc2=size=160x120:rate=25 -f lavfi -i sine=sample_rate=44100 -t 30 -pix_fmt yuv420p"
    )
    ffmpeg = await asyncio.create_subprocess_exec(
        imageio_ffmpeg.get_ffmpeg_exe(), *source.split(), *encoder, "-c:a", sound, "-f", "flv", "-flvflags", "no_duration_filesize", "-",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    flv, _ = await ffmpeg.communicate()
    assert ffmpeg.returncode == 0
    return list(tags(flv))


def without_pictures_after(media: list[Tag], at_ms: int) -> list[Tag]:
    return [tag for tag in media if tag.kind != VIDEO or tag.at_ms < at_ms]


def with_parameters_broken(media: list[Tag]) -> list[Tag]:
    """Break an SPS, but keep its length and its first byte."""
    return [tag._replace(data=_broken(tag.data)) if tag.is_config else tag for tag in media]


def _broken(config: bytes) -> bytes:
    begin, end = 14, 13 + int.from_bytes(config[11:13])
    return config[:begin] + bytes(byte ^ 0xA5 for byte in config[begin:end]) + config[end:]


PLAIN = ("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25")
REORDERED = (
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-bf",
    "16",
    "-x264-params",
    "b-adapt=0:b-pyramid=normal:ref=8:keyint=50",
)


async def test_what_neither_way_can_show_does_not_play_and_its_note_says_why(rig: Rig) -> None:
    """All at once: most take as long as a probe may."""
    plain = await recorded(*PLAIN)
    cases: dict[int, tuple[list[Tag], Outcome, str]] = {
        1: (without_pictures_after(plain, 0), Outcome.PLAYING, "sound only"),  # announced and never sent
        2: (without_pictures_after(plain, 4000), Outcome.NOT_PLAYING, "no picture arrives"),
        3: (with_parameters_broken(plain), Outcome.NOT_PLAYING, "H.264"),
        4: ([tag for tag in plain if not tag.is_key_frame], Outcome.NOT_PLAYING, "key frame each second"),
        5: (await recorded(*REORDERED), Outcome.NOT_PLAYING, "no B-frames"),
        6: (await recorded("-vn", sound="libmp3lame"), Outcome.NOT_PLAYING, "cannot hear your MP3"),
    }
    async with probe_of(rig) as probe, asyncio.TaskGroup() as publishers:
        sending = [
            publishers.create_task(
                publish("127.0.0.1", rig.config.rtmp_port, b"live", f"{n}?token={STREAM_KEY}".encode(), media)
            )
            for n, (media, _, _) in cases.items()
        ]
        for n in cases:
            await comes_online(rig, PathName(f"live/{n}"))
        await falls_silent(rig, PathName("live/2"))
        results = await asyncio.gather(*(probe.probe(PathName(f"live/{n}"), KEY, None, DEADLINE_S) for n in cases))
        for publisher in sending:
            publisher.cancel()
    found = {n: (result.outcome, result.note) for n, result in zip(cases, results, strict=True)}
    for n, (_, outcome, words) in cases.items():
        assert found[n][0] is outcome, (n, results)
        assert words in found[n][1], (n, results)


async def falls_silent(rig: Rig, name: PathName) -> None:
    """Wait until a second passes with audio only."""
    async with asyncio.timeout(20):
        before, now = 0, 1 << 20
        while not 0 <= now - before < 20_000:
            await asyncio.sleep(1)
            path = await rig.client.get_path(name)
            before, now = now, path.inbound_bytes if path else 0


async def test_video_that_only_the_encoder_knows_does_not_play_though_its_sound_does(rig: Rig) -> None:
    """MediaMTX leaves the video out of HLS."""
    url = f"srt://127.0.0.1:{rig.config.srt_port}?streamid=publish:{PATH}:x:{STREAM_KEY}&pkt_size=1316"
    source = "-v error -re -f lavfi -i testsrc2=size=160x120:rate=25 -f lavfi -i sine=sample_rate=44100"
    ffmpeg = await asyncio.create_subprocess_exec(
        imageio_ffmpeg.get_ffmpeg_exe(), *source.split(), "-c:v", "mpeg2video", "-g", "25", "-c:a", "aac", "-f", "mpegts", url,
        stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await comes_online(rig)
        async with probe_of(rig) as probe:
            result = await probe.probe(PATH, KEY, None, DEADLINE_S)
    finally:
        ffmpeg.kill()
        await ffmpeg.wait()
    assert result.outcome is Outcome.NOT_PLAYING
    assert result.note == "Your encoder sends MPEG-2 video, which viewers cannot see. Set it to H.264."


async def test_a_stream_without_a_key_frame_plays_when_one_has_come(rig: Rig) -> None:
    plain = await recorded(*PLAIN)
    late = [tag for tag in plain if not tag.is_key_frame or tag.at_ms > 8000]
    name = f"7?token={STREAM_KEY}".encode()
    sending = asyncio.create_task(publish("127.0.0.1", rig.config.rtmp_port, b"live", name, late))
    try:
        await comes_online(rig)
        async with probe_of(rig) as probe:
            without = await probe.probe(PATH, KEY, None, 3.0)
            assert (without.outcome, without.trouble) == (Outcome.NOT_PLAYING, Trouble.NOT_PACKAGED)
            assert (await probe.probe(PATH, KEY, None, DEADLINE_S)).outcome is Outcome.PLAYING
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


# ── its process ──


@dataclass
class Hanging:
    """A server that accepts connections and never answers."""

    url: str
    guests: int = 0


@pytest.fixture
async def hanging() -> AsyncIterator[Hanging]:
    made = Hanging("")
    over = asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.guests += 1
        await over.wait()
        writer.close()

    server = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield made
    over.set()
    server.close()


def relatives() -> list[psutil.Process]:
    """The launchers of this test and their probes, without programs that libraries run while a launcher imports
    them."""
    launchers = _ours(psutil.Process())
    return launchers + [probe for launcher in launchers for probe in _ours(launcher)]


def _ours(parent: psutil.Process) -> list[psutil.Process]:
    found = []
    for child in parent.children():
        with suppress(psutil.NoSuchProcess):
            if "mediamtx.probe" in child.cmdline():
                found.append(child)
    return found


async def probes(count: int = 1) -> list[psutil.Process]:
    """Wait until one launcher has this number of probes."""
    seen: list[psutil.Process] = []

    def same_as_before() -> bool:
        nonlocal seen
        before, seen = seen, relatives()
        return len(seen) == 1 + count and seen == before  # else one of them may be about to become another program

    await until(same_as_before)
    return seen[1:]


@pytest.fixture
async def probe(hanging: Hanging) -> AsyncIterator[MediaMTXProbe]:
    async with MediaMTXProbe(hanging.url, hanging.url, UNASKED, start_s=10.0) as probe:
        yield probe
    assert relatives() == []


async def test_one_that_hangs_is_killed_at_its_deadline_and_no_other_notices(
    probe: MediaMTXProbe, hanging: Hanging
) -> None:
    hung = asyncio.create_task(probe.probe(PATH, KEY, None, 4.0))
    [process] = await probes()
    await until(lambda: hanging.guests > 0)
    process.suspend()
    others = [asyncio.create_task(probe.probe(PATH, KEY, None, 6.0)) for _ in range(2)]
    result = await hung
    assert (result.outcome, result.why) == (Outcome.FAILED, "killed at its deadline")
    assert 4.0 < result.seconds < 14.0
    assert not process.is_running()
    assert {(await other).why for other in others} == {"no answer: TimeoutError"}


async def test_one_that_crashes_has_failed_and_no_other_notices(probe: MediaMTXProbe) -> None:
    crashing = asyncio.create_task(probe.probe(PATH, KEY, None, 10.0))
    [process] = await probes()
    other = asyncio.create_task(probe.probe(PATH, KEY, None, 4.0))
    await probes(2)
    process.send_signal(signal.SIGSEGV)
    result = await crashing
    assert (result.outcome, result.why) == (Outcome.FAILED, "ended with status 11")
    assert (await other).why == "no answer: TimeoutError"


@pytest.mark.parametrize(
    ("blow", "why"), [(signal.SIGKILL, "the probe launcher has ended"), (signal.SIGSTOP, "the probe launcher hangs")]
)
async def test_without_its_launcher_a_probe_fails_and_the_next_one_has_another(
    hanging: Hanging, blow: signal.Signals, why: str
) -> None:
    async with MediaMTXProbe(hanging.url, hanging.url, UNASKED, start_s=3.0) as probe:
        struck = asyncio.create_task(probe.probe(PATH, KEY, None, 4.0))
        [process] = await probes()
        launcher = relatives()[0]
        process.suspend()
        launcher.send_signal(blow)
        if blow is signal.SIGKILL:
            process.kill()
        result = await struck
        assert (result.outcome, result.why) == (Outcome.FAILED, why)
        await until(lambda: not launcher.is_running() and not process.is_running())
        next_one = asyncio.create_task(probe.probe(PATH, KEY, None, 0.5))
        await until(lambda: any(process.pid != launcher.pid for process in relatives()))
        await next_one
    assert relatives() == []


async def test_it_gives_way_is_no_part_of_our_process_group_and_shows_no_secret(
    hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVE_DATABASE_URL", "postgresql://somebody:secret@127.0.0.1/db")
    async with MediaMTXProbe(hanging.url, hanging.url, UNASKED) as probe:
        task = asyncio.create_task(probe.probe(PATH, KEY, None, 10.0))
        await probes()
        await until(lambda: hanging.guests > 0)
        for process in relatives():
            assert process.nice() == NICE
            assert not AUTOGROUP.exists() or Path(f"/proc/{process.pid}/autogroup").read_text().endswith(
                f"nice {NICE}\n"
            )
            assert os.getpgid(process.pid) == relatives()[0].pid != os.getpgid(0)
            shown = " ".join([*process.cmdline(), *process.environ().values()])
            assert KEY not in shown
            assert "secret" not in shown
    assert relatives() == []
    assert (await task).outcome is Outcome.FAILED


@pytest.mark.parametrize("turns", range(1, 6))
async def test_whenever_its_start_is_cancelled_nothing_is_left_running(hanging: Hanging, turns: int) -> None:
    async def begin() -> None:
        async with MediaMTXProbe(hanging.url, hanging.url, UNASKED) as probe:
            await probe.probe(PATH, KEY, None, 10.0)

    task = asyncio.create_task(begin())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await until(lambda: relatives() == [])


@pytest.mark.parametrize("who", ["its starter", "its launcher"])
async def test_a_probe_ends_with_its_launcher(hanging: Hanging, who: str) -> None:
    """It is in our session here, which must not give way with it."""
    pipe = asyncio.subprocess.PIPE
    our_session = AUTOGROUP.read_text() if AUTOGROUP.exists() else ""
    launcher = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "mediamtx.probe", stdin=pipe, stdout=pipe
    )
    assert launcher.stdin is not None
    deadline_s = 60.0 if who == "its starter" else 3.0
    launcher.stdin.write(line(Order(1, f"{hanging.url}/whep", f"{hanging.url}/index.m3u8", KEY, deadline_s)))
    [process] = await probes()
    if who == "its starter":
        launcher.stdin.close()
        async with asyncio.timeout(5):
            assert await launcher.wait() == 0
    else:
        launcher.kill()
        await launcher.wait()
        launcher.stdin.close()
    await until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    assert not AUTOGROUP.exists() or AUTOGROUP.read_text() == our_session
