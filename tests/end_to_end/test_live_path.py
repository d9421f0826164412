"""The live path: go live, publish, watch, buy coins, send a gift, receive it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from api.contract.client import Client
from ffmpeg_fixtures.publisher import Publisher
from tests.api.contract.decoders import problems
from tests.end_to_end.platform import Stagedoor, decoded, local, watching
from tests.waiting import until

pytestmark = pytest.mark.timeout(180)

SIX = {
    "registerUser": {"username": "zoe", "email": "zoe@example.com", "social_id": "z-1", "social": "google"},
    "showUserDetail": {"user_id": "1"},
    "showRelatedVideos": {"user_id": "1", "device_id": "d", "starting_point": 0},
    "liveStream": {"user_id": "1", "started_at": "2026-01-31 12:00:00"},
    "showCoinWorth": {},
    "showGifts": {},
}


async def test_from_going_live_to_a_gift_on_every_socket(own: Stagedoor) -> None:
    host, fan = await asyncio.gather(own.sign_in("ada"), own.sign_in("ben"))
    stream = await own.go_live(host, title="First night")
    assert stream["playback_url"].endswith(".m3u8")

    async with (
        watching(own, stream["id"]) as guest,
        watching(own, stream["id"], token=fan) as friend,
    ):
        assert guest.hello["stream"]["status"] == "created"
        assert friend.hello["you"] == {"user_id": 2, "role": "viewer", "muted_until": None}
        async with Publisher(local(stream["rtmp_url"])):
            await guest.sees(lambda seen: seen.statuses() == ["live"], what="live")
            await until(lambda: own.plays(stream), what="HLS")

            bought = await buy(own, fan, coin=500)
            assert bought["User"]["wallet"] == 10_500
            sent = await own.done(
                "api/sendGift", fan, sender_id="2", receiver_id="1", gift_id="3", gift_count=2, client_ref="g-1"
            )
            assert sent["User"]["id"] == 2
            coins = sent["GiftSend"]["coin"]
            assert sent["User"]["wallet"] == 10_500 - coins

            for viewer in (guest, friend):
                await viewer.sees(lambda seen: seen.gifts(), what="the gift")
                gift = viewer.gifts()[0]
                assert gift["data"]["coins"] == coins
                assert gift["data"]["sender"]["username"] == "ben"
                assert gift["data"]["sender_total"] == coins
            assert guest.gifts() == friend.gifts()

            await friend.send(type="gift", id="g-2", gift_id=1, count=1)
            await guest.sees(lambda seen: len(seen.gifts()) == 2, what="the socket's gift")
            await friend.sees(lambda seen: any(f["type"] == "ack" and f["id"] == "g-2" for f in seen.frames))

            await until(lambda: is_listed(own, stream["id"]), what="/live")
            ended = await own.done("api/liveStream", host, id=stream["id"], ended_at="2026-01-31 13:00:00")
            assert not await is_listed(own, stream["id"]), "not even for a moment"
            assert ended["LiveStreaming"]["status"] == "ended"
            assert "rtmp_url" not in ended["LiveStreaming"]
            await guest.sees(lambda seen: seen.close_code == 4410, what="the end")
            assert guest.statuses() == ["live", "ended"]
            assert [event["seq"] for event in guest.events()] == [1, 2, 3, 4]
            assert guest.events()[-1]["data"]["summary"]["coins"] == coins + 1

    async with watching(own, stream["id"], f"?after=1&epoch={guest.hello['epoch']}") as late:
        await late.sees(lambda seen: seen.close_code == 4410)
        assert late.hello["recovered"] is True
        assert late.events() == guest.events()[1:]

    receiver = await own.done("api/showUserDetail", host)
    assert receiver["User"]["wallet"] == 10_000 + coins + 1
    assert receiver["User"]["total_all_time_coins"] == coins + 1


async def is_listed(stagedoor: Stagedoor, stream_id: int) -> bool:
    async with stagedoor.session.get(stagedoor.url("/live")) as response:
        return stream_id in {stream["id"] for stream in (await response.json())["streams"]}


async def test_the_six_published_calls_answer_without_a_session_as_every_app_reads_them(stagedoor: Stagedoor) -> None:
    keys = stagedoor.run["api_keys"]
    for client in Client:
        for endpoint, body in SIX.items():
            headers = {"Api-Key": keys[client]}
            async with stagedoor.session.post(
                stagedoor.url(f"/api/{endpoint}"), json=body, headers=headers
            ) as response:
                answer = await response.read()
            assert json.loads(answer)["code"] == 200, answer
            assert problems(client, endpoint, answer) == []


async def test_a_sample_video_plays_from_any_place(stagedoor: Stagedoor) -> None:
    feed = await stagedoor.done("api/showRelatedVideos", starting_point="0")
    assert len(feed) == 10
    video = local(feed[0]["Video"]["video"])
    async with stagedoor.session.get(video, headers={"Range": "bytes=100-199"}) as response:
        assert response.status == 206
        assert len(await response.read()) == 100
    assert decoded(video) > (5, 5)
    assert len(await stagedoor.done("api/showRelatedVideos", starting_point="2")) == 10
    assert await stagedoor.done("api/showRelatedVideos", starting_point="40") == []


async def buy(stagedoor: Stagedoor, token: str, coin: int) -> Any:
    receipt = await stagedoor.call("sandbox/purchases", token, coin=coin)
    return await stagedoor.done(
        "api/purchaseCoin",
        token,
        coin=str(coin),
        title="coins",
        price="$4.99",
        transaction_id=receipt["transaction_id"],
        device="ios",
    )


async def test_every_answer_is_read_by_every_app_that_may_get_it(stagedoor: Stagedoor) -> None:
    """Beside the six: what needs a session, and refusals."""
    host, fan = await stagedoor.sign_in("hilda"), await stagedoor.sign_in("ben")
    stream = await stagedoor.go_live(host)
    for number, client in enumerate(Client):
        receipt = (await stagedoor.call("sandbox/purchases", fan, coin=100))["transaction_id"]
        calls: list[tuple[str, str, dict[str, Any], int]] = [
            ("showUserDetail", fan, {}, 200),
            ("showUserDetail", fan, {"other_user_id": "1"}, 200),
            ("showUserDetail", "", {"username": "nobody-of-that-name"}, 201),
            ("liveStream", host, {"id": stream["id"]}, 200),
            ("watchLiveStream", fan, {"live_streaming_id": str(stream["id"]), "coin": "0"}, 200),
            ("watchLiveStream", fan, {"live_streaming_id": "4711", "coin": "0"}, 404),
            ("purchaseCoin", fan, {"transaction_id": receipt, "coin": "100", "price": "$0.99", "device": "ios"}, 200),
            ("purchaseCoin", fan, {"transaction_id": "sandbox.forged.x"}, 201),
            (
                "sendGift",
                fan,
                {"receiver_id": str(stream["user_id"]), "gift_id": 1, "gift_count": 1, "client_ref": str(number)},
                200,
            ),
            ("sendGift", fan, {"receiver_id": str(stream["user_id"]), "gift_id": 16, "gift_count": 9999}, 201),
        ]
        for endpoint, token, body, code in calls:
            headers = {"Api-Key": stagedoor.run["api_keys"][client], "Auth-Token": token}
            async with stagedoor.session.post(
                stagedoor.url(f"/api/{endpoint}"), json=body, headers=headers
            ) as response:
                answer = await response.read()
            assert json.loads(answer)["code"] == code, (client, endpoint, answer)
            assert problems(client, endpoint, answer) == [], (client, endpoint)
