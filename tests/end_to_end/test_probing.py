"""Streams that are online but do not play: in the owner's answer, `stream list`, the metrics, and the thumbnail."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import av
import psutil
import pytest

from ffmpeg_fixtures.publisher import Picture, Publisher, VideoCodec
from ffmpeg_fixtures.webrtc import WhipPublisher
from tests.end_to_end.platform import Stagedoor, local, watching
from tests.waiting import until

pytestmark = pytest.mark.timeout(180)


async def test_every_live_stream_is_probed_and_public_ones_are_pictured(own: Stagedoor) -> None:
    cases: list[tuple[str, str, Picture]] = [
        ("ada", "public", Picture(640, 360)),
        ("ben", "public", Picture(320, 240, b_frames=2)),
        ("cleo", "private", Picture(320, 240, codec=VideoCodec.H265)),
    ]
    hosts = [await own.sign_in(name) for name, _, _ in cases]
    streams = [
        await own.go_live(host, visibility=visibility) for host, (_, visibility, _) in zip(hosts, cases, strict=True)
    ]
    async with AsyncExitStack() as publishers:
        for stream, (_, _, picture) in zip(streams, cases, strict=True):
            await publishers.enter_async_context(Publisher(local(stream["rtmp_url"]), picture))
        for host, stream in zip(hosts, streams, strict=True):
            await until(partial(plays, own, host, stream), 30, what="playing")

        assert [await thumbnail_size(own, stream) for stream in streams] == [(360, 202), (320, 240), None]
        metrics = await own.metrics()
        assert "stagedoor_streams_playing 3.0" in metrics
        assert 'stagedoor_probes_total{outcome="playing",via="whep"} 1.0' in metrics
        assert 'stagedoor_probes_total{outcome="playing",via="hls"} 2.0' in metrics
        assert await records(own) == {stream["id"]: True for stream in streams}
        async with watching(own, streams[0]["id"]) as viewer:
            assert viewer.hello["stream"]["viewers"] <= 1, "a probe is no viewer"
        strangers = await own.call("api/watchLiveStream", hosts[1], live_streaming_id=streams[0]["id"])
        assert "playing" not in strangers["msg"]["LiveStreaming"]


async def test_a_publisher_who_sends_nothing_is_online_and_does_not_play(stopped: Stagedoor) -> None:
    stopped.set(probe_interval_s="1")
    await stopped.start()
    host = await stopped.sign_in("ada")
    stream = await stopped.go_live(host)
    async with watching(stopped, stream["id"]) as viewer, WhipPublisher(local(stream["whip_url"])) as publisher:
        await until(lambda: plays(stopped, host, stream), 30, what="playing")
        publisher.pause()
        await until(lambda: plays(stopped, host, stream, 0), 30, what="not playing")
        assert await records(stopped) == {stream["id"]: False}
        told = (await stopped.done("api/liveStream", host, id=stream["id"]))["LiveStreaming"]["playing_note"]
        assert "no picture arrives" in told
        assert told[:20] in (await stopped.command("stream", "list"))[1]
        assert "stagedoor_streams_playing 0.0" in await stopped.metrics()
        publisher.resume()
        await until(lambda: plays(stopped, host, stream), 30, what="playing again")
        assert viewer.statuses() == ["live"], "all the time"

        hung = await probe_of(stopped)
        launcher = hung.parent()
        hung.suspend()
        await stopped.stop()
        assert launcher is not None
        await until(lambda: not hung.is_running() and not launcher.is_running(), 5, what="nothing left")


async def test_a_probe_ends_with_a_server_that_is_killed(stopped: Stagedoor) -> None:
    stopped.set(probe_interval_s="1")
    await stopped.start()
    stream = await stopped.go_live(await stopped.sign_in("ada"))
    async with Publisher(local(stream["rtmp_url"]), Picture(gop_s=20)):  # to be waited for
        orphan = await probe_of(stopped)
        launcher = orphan.parent()
        await stopped.kill()
        assert launcher is not None
        for process in (orphan, launcher):
            await until(lambda process=process: has_ended(process), what=f"the end of {process}")  # type: ignore[misc]


def has_ended(process: psutil.Process) -> bool:
    """Whether the process has exited. A zombie counts: its new parent may read its status late."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def plays(stagedoor: Stagedoor, host: str, stream: dict[str, Any], flag: int = 1) -> bool:
    """Whether `playing` in the owner's `liveStream` is `flag`."""
    answer = await stagedoor.done("api/liveStream", host, id=stream["id"])
    return bool(answer["LiveStreaming"].get("playing") == flag)


async def records(stagedoor: Stagedoor) -> dict[int, bool | None]:
    status, output = await stagedoor.command("stream", "list", "--json")
    assert status == 0, output
    return {stream["id"]: stream["playing"] for stream in json.loads(output)}


async def thumbnail_size(stagedoor: Stagedoor, stream: dict[str, Any]) -> tuple[int, int] | None:
    async with stagedoor.session.get(stagedoor.url(f"/media/thumbnails/{stream['id']}.jpg")) as response:
        if response.status == 404:
            return None
        assert response.content_type == "image/jpeg"
        decoder = av.CodecContext.create("mjpeg", "r")
        assert isinstance(decoder, av.VideoCodecContext)
        [frame] = decoder.decode(av.Packet(await response.read()))
        return frame.width, frame.height


async def probe_of(stagedoor: Stagedoor) -> psutil.Process:
    """Wait for the next running probe, a child of the launcher."""
    assert stagedoor.process is not None
    children = psutil.Process(stagedoor.process.pid).children()
    [launcher] = [child for child in children if "mediamtx.probe" in child.cmdline()]
    found: list[psutil.Process] = []

    def look() -> bool:
        found[:] = launcher.children()
        return bool(found)

    await until(look, 30, what="a probe under way")
    return found[0]
