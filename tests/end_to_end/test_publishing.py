"""Who may publish, and what becomes of a stream when its publisher comes, goes and comes back."""

from __future__ import annotations

import aiohttp
import pytest

from ffmpeg_fixtures.publisher import Publisher
from tests.end_to_end.platform import Stagedoor, local, until, watching

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
