"""Streams that are not public: none is made by a call, and those that are there keep their rules."""

from __future__ import annotations

import pytest

from tests.end_to_end.platform import Stagedoor

NOT_PUBLIC = ("followers", "private", "pin", "paid")


@pytest.mark.timeout(180)
async def test_a_stream_that_nobody_could_watch_is_refused(stagedoor: Stagedoor) -> None:
    fresh, token = await stagedoor.sign_in("fresh"), await stagedoor.sign_in("ada")
    stream = await stagedoor.go_live(token, title="Open")
    for visibility in NOT_PUBLIC:
        options = {"visibility": visibility, "pin": "1234", "price": 5, "title": "Closed"}
        for caller, which in ((fresh, {}), (token, {}), (token, {"id": stream["id"]})):
            refused = await stagedoor.call("api/liveStream", caller, **options, **which)
            assert refused["code"] == 201
            assert refused["msg"].startswith("Private streams are not available yet")
    assert list(await stagedoor.streams()) == [stream["id"]], "and none was made"
    unchanged = await stagedoor.done("api/liveStream", token, id=stream["id"])
    assert (unchanged["LiveStreaming"]["title"], unchanged["LiveStreaming"]["visibility"]) == ("Open", "public")


@pytest.mark.timeout(180)
async def test_a_stream_from_before_keeps_its_rules(stagedoor: Stagedoor) -> None:
    host, fan = await stagedoor.sign_in("ada"), await stagedoor.sign_in("ben")
    stream = await stagedoor.go_live(host, visibility="private")
    again = await stagedoor.done("api/liveStream", host, id=stream["id"], visibility="private")
    assert again["LiveStreaming"]["visibility"] == "private"
    assert (await stagedoor.call("api/watchLiveStream", fan, live_streaming_id=stream["id"]))["code"] == 201
    ended = await stagedoor.done(
        "api/liveStream", host, id=stream["id"], visibility="private", ended_at="2026-01-31 13:00:00"
    )
    assert ended["LiveStreaming"]["status"] == "ended"
