"""Killed and hanging processes: no coin, no gift and no session is lost."""

from __future__ import annotations

import asyncio
import os
import signal

import aiohttp
import pytest

from ffmpeg_fixtures.publisher import Publisher
from tests.end_to_end.platform import Stagedoor, hanging, local, playing, watching
from tests.waiting import until

pytestmark = pytest.mark.timeout(180)


async def test_a_killed_control_plane_interrupts_no_publisher_and_no_viewer(own: Stagedoor) -> None:
    host, fan = await own.sign_in("ada"), await own.sign_in("ben")
    stream = await own.go_live(host)
    async with Publisher(local(stream["rtmp_url"])) as publisher:
        async with watching(own, stream["id"]) as viewer:
            await viewer.sees(lambda seen: seen.statuses() == ["live"])
        await own.done("api/sendGift", fan, receiver_id=1, gift_id=1, gift_count=3, client_ref="once")
        await until(lambda: own.plays(stream), what="HLS")
        before = own.run
        async with playing(stream) as player:
            await own.kill()
            await player.goes_on()
            await own.start()
            await player.goes_on()
        after = own.run
        assert after["pids"]["mediamtx"] == before["pids"]["mediamtx"]
        assert {name: port for name, port in after.items() if name.endswith("_port")} == {
            name: port for name, port in before.items() if name.endswith("_port")
        }
        assert publisher.returncode is None
        async with watching(own, stream["id"], f"?after=1&epoch={viewer.hello['epoch']}") as back:
            assert back.hello["stream"]["status"] == "live"
            assert back.hello["recovered"] is True
            await back.sees(lambda seen: [event["type"] for event in seen.events()] == ["gift"])
        again = await own.done("api/sendGift", fan, receiver_id=1, gift_id=1, gift_count=3, client_ref="once")
        assert again["User"]["wallet"] == 10_000 - again["GiftSend"]["coin"]


async def test_mediamtx_is_killed_and_the_same_stream_goes_on(own: Stagedoor) -> None:
    stream = await own.go_live(await own.sign_in("ada"))
    async with watching(own, stream["id"]) as viewer:
        async with Publisher(local(stream["rtmp_url"])) as publisher:
            await viewer.sees(lambda seen: seen.statuses() == ["live"])
            pid = own.run["pids"]["mediamtx"]
            os.kill(pid, signal.SIGKILL)
            await until(lambda: own.run["pids"]["mediamtx"] not in (None, pid), 5, what="another MediaMTX")
            await publisher.wait(10)
        await viewer.sees(lambda seen: seen.statuses() == ["live", "interrupted"])
        async with Publisher(local(stream["rtmp_url"])):
            await viewer.sees(lambda seen: seen.statuses() == ["live", "interrupted", "live"])


async def test_mediamtx_hangs_and_its_streams_count_as_interrupted_until_it_is_back(own: Stagedoor) -> None:
    stream = await own.go_live(await own.sign_in("ada"))
    async with watching(own, stream["id"]) as viewer, Publisher(local(stream["rtmp_url"])):
        await viewer.sees(lambda seen: seen.statuses() == ["live"])
        with hanging(own.run["pids"]["mediamtx"]):
            await viewer.sees(lambda seen: seen.statuses() == ["live", "interrupted"])
            assert viewer.events()[-1]["data"]["reason"] == "media_server_lost"
            assert await own.readiness() == 503
        await viewer.sees(lambda seen: seen.statuses()[2:3] == ["live"])


async def test_postgresql_is_killed_and_back(own: Stagedoor) -> None:
    host, fan = await own.sign_in("ada"), await own.sign_in("ben")
    stream = await own.go_live(host)
    async with Publisher(local(stream["rtmp_url"])), watching(own, stream["id"]) as viewer:
        await viewer.sees(lambda seen: seen.statuses() == ["live"])
        pid = own.run["pids"]["postgres"]
        os.kill(pid, signal.SIGKILL)
        await asyncio.gather(*(give(own, fan, number) for number in range(20)))
        await viewer.sees(lambda seen: len(seen.gifts()) == 20, what="every gift")
        assert [event["seq"] for event in viewer.events()] == list(range(1, 22))
        await until(lambda: own.run["pids"]["postgres"] not in (None, pid), what="another PostgreSQL")
        assert await wallet(own, fan) == 10_000 - 20
        assert await wallet(own, host) == 10_000 + 20
        assert viewer.statuses() == ["live"]


async def test_postgresql_hangs_for_five_seconds_and_nothing_is_lost(own: Stagedoor) -> None:
    host, fan = await own.sign_in("ada"), await own.sign_in("ben")
    stream = await own.go_live(host)
    url = local(stream["rtmp_url"])
    async with watching(own, stream["id"]) as viewer, Publisher(url) as publisher:
        await viewer.sees(lambda seen: seen.statuses() == ["live"])
        gifts = [asyncio.create_task(give(own, fan, number)) for number in range(20)]
        with hanging(own.run["pids"]["postgres"]):
            async with asyncio.timeout(4):
                async with Publisher(url) as second:  # a known stream's key is still decided at once
                    assert await publisher.wait(4) != 0
                    assert second.returncode is None
            await asyncio.sleep(5)  # the hang itself is what is tested
        await asyncio.gather(*gifts)
        await viewer.sees(lambda seen: len(seen.gifts()) == 20, what="every gift")
        seqs = [event["seq"] for event in viewer.events()]
        assert seqs == list(range(1, len(seqs) + 1))
        assert await wallet(own, fan) == 10_000 - 20
        assert await wallet(own, host) == 10_000 + 20


async def test_the_control_plane_is_killed_amid_gifts_and_each_is_there_once(own: Stagedoor) -> None:
    host, fan = await own.sign_in("ada"), await own.sign_in("ben")
    stream = await own.go_live(host)

    async def give_until_cut(number: int) -> None:
        try:
            await give(own, fan, number)
        except (OSError, aiohttp.ClientError, AssertionError):
            return

    gifts = [asyncio.create_task(give_until_cut(number)) for number in range(60)]
    async with watching(own, stream["id"]) as viewer:
        await viewer.sees(lambda seen: len(seen.gifts()) >= 5)
        await own.kill()
    await asyncio.gather(*gifts)
    await own.start()
    for number in range(60):  # the app asks again, by the same keys
        await give(own, fan, number)
    async with watching(own, stream["id"], "?after=0") as back:
        await back.sees(lambda seen: len(seen.gifts()) == 60)
        assert [event["seq"] for event in back.events()] == list(range(1, 61))
    assert await wallet(own, fan) == 10_000 - 60
    assert await wallet(own, host) == 10_000 + 60


async def give(stagedoor: Stagedoor, token: str, number: int) -> None:
    """Send a gift of one coin, and retry with its key until it is answered."""
    for _ in range(20):
        answer = await stagedoor.call(
            "api/sendGift", token, receiver_id=1, gift_id=1, gift_count=1, client_ref=f"gift-{number}"
        )
        if answer["code"] != 500:
            break
        await asyncio.sleep(0.5)  # as an app does
    assert answer["code"] == 200, answer


async def wallet(stagedoor: Stagedoor, token: str) -> int:
    profile = await stagedoor.done("api/showUserDetail", token)
    coins: int = profile["User"]["wallet"]
    return coins
