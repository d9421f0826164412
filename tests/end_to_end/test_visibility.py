"""Streams that are not public: no call creates one, and existing ones keep their rules."""

from __future__ import annotations

import re

import pytest

from tests.end_to_end.platform import Stagedoor, watching
from tests.waiting import until


async def text_of(platform: Stagedoor, path: str) -> str:
    """The answer without values that differ between any two answers."""
    async with platform.session.get(platform.url(path)) as response:
        return re.sub(r"nonce\S+", "", await response.text())


NOT_PUBLIC = ("followers", "private", "pin", "paid")


@pytest.mark.timeout(180)
async def test_a_stream_that_is_not_public_cannot_be_made(stagedoor: Stagedoor) -> None:
    fresh, token = await stagedoor.sign_in("fresh"), await stagedoor.sign_in("vida")
    stream = await stagedoor.go_live(token, title="Open")
    streams = await stagedoor.streams()
    for visibility in NOT_PUBLIC:
        options = {"visibility": visibility, "pin": "1234", "price": 5, "title": "Closed"}
        for caller, which in ((fresh, {}), (token, {}), (token, {"id": stream["id"]})):
            refused = await stagedoor.call("api/liveStream", caller, **options, **which)
            assert refused["code"] == 201
            assert refused["msg"].startswith("Private streams are not available yet")
    assert await stagedoor.streams() == streams, "and none was made"
    unchanged = await stagedoor.done("api/liveStream", token, id=stream["id"])
    assert (unchanged["LiveStreaming"]["title"], unchanged["LiveStreaming"]["visibility"]) == ("Open", "public")


@pytest.mark.timeout(180)
async def test_a_stream_from_before_keeps_its_rules(stagedoor: Stagedoor) -> None:
    host, fan = await stagedoor.sign_in("vito"), await stagedoor.sign_in("ben")
    stream = await stagedoor.go_live(host, visibility="private")
    again = await stagedoor.done("api/liveStream", host, id=stream["id"], visibility="private")
    assert again["LiveStreaming"]["visibility"] == "private"
    assert (await stagedoor.call("api/watchLiveStream", fan, live_streaming_id=stream["id"]))["code"] == 201
    ended = await stagedoor.done(
        "api/liveStream", host, id=stream["id"], visibility="private", ended_at="2026-01-31 13:00:00"
    )
    assert ended["LiveStreaming"]["status"] == "ended"


@pytest.mark.timeout(180)
async def test_a_stream_that_is_hidden_is_told_to_its_audience_only(stagedoor: Stagedoor) -> None:
    host, fan, away = [await stagedoor.sign_in(name) for name in ("vera", "ben", "wim")]
    stream = await stagedoor.go_live(host, title="Secret party")
    users = {
        name: (await stagedoor.done("api/showUserDetail", token))["User"]["id"]
        for name, token in (("host", host), ("away", away))
    }
    gift = {"gift_id": 1, "gift_count": 1}
    async with watching(stagedoor, stream["id"]) as guest, watching(stagedoor, stream["id"], token=fan) as viewer:
        await stagedoor.make_visible_to(stream["id"], "private")
        await until(lambda: (guest.close_code, viewer.close_code) == (4401, 4403), what="both are closed")
    async with watching(stagedoor, stream["id"], token=host):
        pass
    hidden, nothing = [
        await stagedoor.call("api/sendGift", fan, receiver_id=users[who], live_streaming_id=stream["id"], **gift)
        for who in ("host", "away")
    ]
    assert hidden == nothing
    assert hidden["code"] == 201
    for who in ("host", "away"):  # without a stream, it is a gift outside of streams to both
        sent = (await stagedoor.done("api/sendGift", fan, receiver_id=users[who], **gift))["GiftSend"]
        assert (sent["receiver_id"], sent["live_streaming_id"]) == (users[who], 0)
    by_stream, by_none = [
        await stagedoor.call("api/sendGift", fan, live_streaming_id=id_, **gift) for id_ in (stream["id"], 2**31 - 1)
    ]
    assert by_stream == by_none == hidden
    while_live = await stagedoor.call("api/watchLiveStream", fan, live_streaming_id=stream["id"])
    page = await text_of(stagedoor, f"/watch/{stream['id']}")
    for path in ("/live", f"/watch/{stream['id']}", "/"):
        assert "Secret party" not in await text_of(stagedoor, path)
    seen_by_fan = await stagedoor.done("api/showUserDetail", fan, other_user_id=users["host"])
    await stagedoor.done("api/liveStream", host, id=stream["id"], ended_at="2026-01-31 13:00:00")
    assert await stagedoor.call("api/watchLiveStream", fan, live_streaming_id=stream["id"]) == while_live
    assert await text_of(stagedoor, f"/watch/{stream['id']}") == page
    assert await stagedoor.done("api/showUserDetail", fan, other_user_id=users["host"]) == seen_by_fan


@pytest.mark.timeout(180)
async def test_calls_and_gifts_of_a_user_have_one_budget(stopped: Stagedoor) -> None:
    """Behind a proxy in development mode, clients have the limits of remote addresses."""
    stopped.set(user_rate="30", trusted_proxies="127.0.0.1/32")
    await stopped.start()
    host, fan = await stopped.sign_in("ada"), await stopped.sign_in("ben")
    stream = await stopped.go_live(host)
    by_proxy = {"X-Forwarded-For": "10.1.2.3"}
    async with watching(stopped, stream["id"], token=fan, **by_proxy) as viewer:
        for number in range(5):  # a burst is what comes in ten seconds
            await viewer.send(type="gift", id=f"tap-{number}", gift_id=1)
        await viewer.sees(lambda seen: len(seen.frames) > 5 and len(seen.gifts()) == 5)
        headers = {"Authorization": f"Bearer {fan}", **by_proxy}
        gift = {"receiver_id": stream["user_id"], "gift_id": 1, "gift_count": 1}
        refused = []
        for _ in range(4):  # the budget has room for one again every two seconds, which a busy machine may have taken
            async with stopped.session.post(stopped.url("/api/sendGift"), json=gift, headers=headers) as response:
                if (await response.json())["code"] == 201:
                    refused.append(int(response.headers["Retry-After"]))
        assert refused
        assert max(refused) <= 2
