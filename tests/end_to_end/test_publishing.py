"""Who may publish, and what becomes of a stream when its publisher comes, goes and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import av
import pytest

from control_plane.base import ffmpeg
from ffmpeg_fixtures.publisher import Picture, Publisher
from tests.end_to_end.platform import Stagedoor, local, until, watching
from tests.end_to_end.rtmp import publishing

pytestmark = pytest.mark.timeout(180)


async def test_publishing_needs_the_key_of_that_very_stream(stagedoor: Stagedoor) -> None:
    mine = await stagedoor.go_live(await stagedoor.sign_in("ada"))
    other = await stagedoor.go_live(await stagedoor.sign_in("ben"))
    url, others = local(mine["rtmp_url"]), local(other["rtmp_url"])
    wrong = [
        url.split("?")[0],
        url[:-1] + ("A" if url[-1] != "A" else "B"),
        url.split("?")[0] + "?" + others.split("?")[1],
        url.replace("/live/", "/elsewhere/"),
    ]
    for address in wrong:
        async with Publisher(address) as publisher:
            assert await publisher.wait(20) != 0
    assert (await stagedoor.streams())[mine["id"]] == "created"
    async with Publisher(url):
        await stagedoor.becomes(mine["id"], "live")


async def test_a_publisher_that_returns_goes_on_with_the_same_stream(stagedoor: Stagedoor) -> None:
    stream = await stagedoor.go_live(await stagedoor.sign_in("ada"))
    async with watching(stagedoor, stream["id"]) as viewer:
        for _ in range(2):
            async with Publisher(local(stream["rtmp_url"])) as publisher:
                await stagedoor.becomes(stream["id"], "live")
                await publisher.kill()
            await stagedoor.becomes(stream["id"], "interrupted")
        assert viewer.statuses() == ["live", "interrupted", "live", "interrupted"]


async def test_without_a_publisher_the_stream_ends_when_its_grace_is_over(stagedoor: Stagedoor) -> None:
    stream = await stagedoor.go_live(await stagedoor.sign_in("ada"), grace_s="1")
    async with watching(stagedoor, stream["id"]) as viewer:
        async with Publisher(local(stream["rtmp_url"])):
            await stagedoor.becomes(stream["id"], "live")
        await viewer.sees(lambda seen: seen.close_code == 4410, what="the end")
        assert viewer.events()[-1]["data"]["reason"] == "grace_over"


async def test_a_second_publisher_with_the_key_takes_over_inside_the_same_stream(stagedoor: Stagedoor) -> None:
    stream = await stagedoor.go_live(await stagedoor.sign_in("ada"))
    url = local(stream["rtmp_url"])
    async with Publisher(url) as first:
        await stagedoor.becomes(stream["id"], "live")
        async with Publisher(url) as second:
            assert await first.wait(20) != 0
            await stagedoor.becomes(stream["id"], "live")
            await until(lambda: stagedoor.plays(stream), what="the second publisher's picture")
            assert second.returncode is None


async def test_the_publisher_of_a_phone_that_turns_is_put_out_once_and_returns_with_the_new_shape(
    stagedoor: Stagedoor, tmp_path: Path
) -> None:
    stream = await stagedoor.go_live(await stagedoor.sign_in("ada"))
    url = local(stream["rtmp_url"])
    async with watching(stagedoor, stream["id"]) as viewer:
        async with sending(await turning(tmp_path), url) as phone:
            await viewer.sees(lambda seen: seen.statuses() == ["live"])
            async with asyncio.timeout(20):
                assert await phone.wait() != 0
        async with Publisher(url, Picture(320, 180)) as publisher:
            await viewer.sees(lambda seen: seen.statuses() == ["live", "interrupted", "live"])
            await until(lambda: size_of(stream["playback_url"]) == (320, 180), what="the new shape")
            assert publisher.returncode is None
    assert stagedoor.log.count("publisher_turned") == 1


async def turning(folder: Path) -> Path:
    """A recording of one RTMP connection: portrait for four seconds, then a new sequence header and landscape for a minute."""
    parts = []
    for name, size, start_s, length_s in (("portrait", "180x320", 0, 4), ("landscape", "320x180", 4, 60)):
        parts.append(folder / f"{name}.flv")
        source = (
            "-f",
            "lavfi",
            "-i",
            f"testsrc2=size={size}:rate=15",
            "-f",
            "lavfi",
            "-i",
            "sine",
            "-t",
            str(length_s),
        )
        encoder = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "15", "-pix_fmt", "yuv420p", "-c:a", "aac")
        output = ("-output_ts_offset", str(start_s), "-flvflags", "no_duration_filesize", str(parts[-1]))
        await ffmpeg.run([*source, *encoder, *output], "the recording", 60)
    whole = folder / "turning.flv"
    header_bytes = 13
    whole.write_bytes(parts[0].read_bytes() + parts[1].read_bytes()[header_bytes:])
    return whole


@asynccontextmanager
async def sending(recording: Path, url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await ffmpeg.spawn(["-re", "-i", str(recording), "-c", "copy", "-f", "flv", url])
    try:
        yield process
    finally:
        await ffmpeg.kill(process)


def size_of(url: str) -> tuple[int, int] | None:
    """As a player is told; None while it does not play."""
    try:
        with av.open(local(url), timeout=10) as container:
            video = container.streams.video[0]
            return video.width, video.height
    except (OSError, av.FFmpegError):
        return None


async def test_a_rotated_key_puts_the_publisher_out_and_the_new_one_lets_in(stagedoor: Stagedoor) -> None:
    host = await stagedoor.sign_in("ada")
    stream = await stagedoor.go_live(host)
    async with Publisher(local(stream["rtmp_url"])) as publisher:
        await stagedoor.becomes(stream["id"], "live")
        rotated = (await stagedoor.done("api/liveStream", host, id=stream["id"], rotate_key=1))["LiveStreaming"]
        assert rotated["rtmp_url"] != stream["rtmp_url"]
        assert await publisher.wait(5) != 0
    async with Publisher(local(stream["rtmp_url"])) as refused:
        assert await refused.wait(20) != 0
    async with Publisher(local(rotated["rtmp_url"])):
        await stagedoor.becomes(stream["id"], "live")


async def test_who_was_let_in_before_a_restart_and_came_online_during_it_is_put_out_once(stagedoor: Stagedoor) -> None:
    """Where the key was ever changed: with which one it was let in, no process knows any more. The media server goes on meanwhile."""
    host = await stagedoor.sign_in("ada")
    stream = await stagedoor.go_live(host)
    rotated = (await stagedoor.done("api/liveStream", host, id=stream["id"], rotate_key=1))["LiveStreaming"]
    pid = stagedoor.run["pids"]["mediamtx"]
    async with publishing("127.0.0.1", stagedoor.run["rtmp_port"]) as unknown:
        await unknown.ask(b"live", rotated["stream_key"].encode())
        assert unknown.admitted
        await stagedoor.kill()
        unknown.send_picture()
        closed = asyncio.create_task(unknown.closed_by_the_server())
        await stagedoor.start()
        assert stagedoor.run["pids"]["mediamtx"] == pid
        async with asyncio.timeout(15):
            await closed
    async with publishing("127.0.0.1", stagedoor.run["rtmp_port"]) as known:
        await known.ask(b"live", rotated["stream_key"].encode())
        known.send_picture()
        closed = asyncio.create_task(known.closed_by_the_server())
        await stagedoor.becomes(stream["id"], "live")
        with pytest.raises(TimeoutError):  # three passes
            await asyncio.wait_for(asyncio.shield(closed), 3)
        closed.cancel()


async def test_an_ended_stream_puts_its_publisher_out_and_its_key_opens_nothing(stagedoor: Stagedoor) -> None:
    host = await stagedoor.sign_in("ada")
    stream = await stagedoor.go_live(host)
    async with Publisher(local(stream["rtmp_url"])) as publisher:
        await stagedoor.becomes(stream["id"], "live")
        await stagedoor.done("api/liveStream", host, id=stream["id"], ended_at="2026-01-31 13:00:00")
        assert await publisher.wait(5) != 0
    async with Publisher(local(stream["rtmp_url"])) as refused:
        assert await refused.wait(20) != 0
    assert stream["id"] not in await stagedoor.streams()


async def test_going_live_again_replaces_the_stream_that_was_published_to(stagedoor: Stagedoor) -> None:
    host = await stagedoor.sign_in("ada")
    stream = await stagedoor.go_live(host)
    assert (await stagedoor.go_live(host))["id"] == stream["id"]
    async with Publisher(local(stream["rtmp_url"])) as publisher, watching(stagedoor, stream["id"]) as viewer:
        await stagedoor.becomes(stream["id"], "live")
        assert (await stagedoor.go_live(host))["id"] > stream["id"]
        await viewer.sees(lambda seen: seen.close_code == 4410, what="the end")
        assert viewer.events()[-1]["data"]["reason"] == "replaced"
        assert await publisher.wait(5) != 0


@pytest.mark.parametrize("address", ["srt_url", "whip_url"])
async def test_srt_and_whip_publish_with_the_same_key(stagedoor: Stagedoor, address: str) -> None:
    stream = await stagedoor.go_live(await stagedoor.sign_in("ada"))
    async with Publisher(local(stream[address])):
        await stagedoor.becomes(stream["id"], "live")
        await until(lambda: stagedoor.plays(stream), what="HLS")


async def test_without_any_hook_the_reconciler_alone_keeps_the_books(stagedoor: Stagedoor) -> None:
    hook = stagedoor.data_dir / "mediamtx" / "hook"
    hook.write_text("http://127.0.0.1:9/nowhere\nwrong\n")
    stream = await stagedoor.go_live(await stagedoor.sign_in("ada"))
    async with Publisher(local(stream["rtmp_url"])):
        await stagedoor.becomes(stream["id"], "live")
    await stagedoor.becomes(stream["id"], "interrupted")
    metrics = await stagedoor.metrics()
    assert "stagedoor_hook_events_total{" not in metrics


async def test_swapped_and_repeated_hooks_change_nothing(stagedoor: Stagedoor) -> None:
    stream = await stagedoor.go_live(await stagedoor.sign_in("ada"))
    url, secret = (stagedoor.data_dir / "mediamtx" / "hook").read_text().split()
    async with Publisher(local(stream["rtmp_url"])), watching(stagedoor, stream["id"]) as viewer:
        await stagedoor.becomes(stream["id"], "live")
        for event in ("offline", "online", "offline", "online", "offline"):
            body = {"event": event, "path": f"live/{stream['id']}", "source_type": "rtmpConn", "source_id": "gone"}
            headers = {"Authorization": aiohttp.encode_basic_auth("mediamtx", secret)}
            async with stagedoor.session.post(url, json=body, headers=headers) as response:
                assert response.status == 204
        # Whatever the hooks made it do is over when a gift, sent after them, is seen.
        fan = await stagedoor.sign_in("ben")
        await stagedoor.done("api/sendGift", fan, receiver_id=1, gift_id=1, gift_count=1)
        await viewer.sees(lambda seen: seen.gifts())
        assert (await stagedoor.streams())[stream["id"]] == "live"
        assert "interrupted" not in viewer.statuses()
