"""Events on the live socket: in order, without gaps, also after a reconnect."""

from __future__ import annotations

import asyncio
import json
import random

import pytest

from tests.api.live_socket.live import House, epoch_of
from tests.control_plane.live.readers import end, say
from tests.waiting import until


async def test_events_come_in_order_and_as_they_are_stored(house: House) -> None:
    async with house.visit() as one, house.visit(token="fan") as other:
        await one.hello()
        await other.hello()
        for number in range(20):
            await say(house.log, house.stream_id, f"{number}")
        events = await one.events(20)
        assert events == await other.events(20)
    stored = await house.database.fetch("select frame from stream_event order by seq")
    assert events == [json.loads(row["frame"]) for row in stored]
    assert [event["seq"] for event in events] == list(range(1, 21))


async def test_a_viewer_who_returns_gets_the_missed_events_and_then_the_new_ones(house: House) -> None:
    async with house.visit() as client:
        epoch = (await client.hello())["epoch"]
        await say(house.log, house.stream_id, "seen")
        await client.events(1)
    for reason in ("missed", "missed too"):
        await say(house.log, house.stream_id, reason)
    async with house.visit(f"?after=1&epoch={epoch}") as client:
        hello = await client.hello()
        assert (hello["recovered"], hello["seq"]) == (True, 3)
        await say(house.log, house.stream_id, "live")
        events = await client.events(3)
    assert [(event["seq"], event["data"]["reason"]) for event in events] == [
        (2, "missed"),
        (3, "missed too"),
        (4, "live"),
    ]


@pytest.mark.parametrize(
    ("query", "recovered"),
    [
        ("", False),
        ("?after=0", True),
        ("?after=3&epoch={epoch}", True),
        ("?after=4&epoch={epoch}", False),
        ("?after=999999999999999999&epoch={epoch}", False),
        ("?after=3", False),
        ("?after=1&epoch=another", False),
        ("?after=1&epoch=%00", False),
        ("?after=1&epoch=%ff", False),
        ("?after=1&epoch=", False),
        ("?after=-1&epoch={epoch}", False),
        ("?after=1e3&epoch={epoch}", False),
        ("?after=9999999999999999999999&epoch={epoch}", False),
        ("?after=%00&epoch={epoch}", False),
        ("?after=٣&epoch={epoch}", False),
        ("?after=&epoch={epoch}", False),
    ],
)
async def test_what_can_be_gone_on_from(house: House, query: str, recovered: bool) -> None:
    for _ in range(3):
        await say(house.log, house.stream_id)
    async with house.visit(query.format(epoch=await epoch_of(house))) as client:
        hello = await client.hello()
        assert (hello["recovered"], hello["seq"]) == (recovered, 3)


async def test_more_than_a_thousand_missed_events_are_not_sent(house: House) -> None:
    await asyncio.gather(*(say(house.log, house.stream_id) for _ in range(1001)))
    async with house.visit(f"?after=1&epoch={await epoch_of(house)}") as client:
        assert (await client.hello())["recovered"]
        assert [event["seq"] for event in await client.events(1000)] == list(range(2, 1002))
    async with house.visit("?after=0") as client:
        assert not (await client.hello())["recovered"]
        await say(house.log, house.stream_id)
        assert (await client.next())["seq"] == 1002


async def test_no_gap_and_no_repeat_over_random_disconnects(house: House) -> None:
    events = 200

    async def write() -> None:
        for _ in range(events // 4):
            await asyncio.gather(*(say(house.log, house.stream_id) for _ in range(4)))

    epoch = await epoch_of(house)

    async def watch(chances: random.Random) -> list[int]:
        seqs: list[int] = []
        while len(seqs) < events:
            async with house.visit(f"?after={seqs[-1] if seqs else 0}&epoch={epoch}") as client:
                assert (await client.hello())["recovered"]
                seen = await client.events(min(chances.randint(1, 60), events - len(seqs)))
                seqs += [event["seq"] for event in seen]
                if chances.random() < 0.5:
                    client.connection.transport.abort()
        return seqs

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        watchers = [group.create_task(watch(random.Random(seed))) for seed in range(6)]
    assert [watcher.result() for watcher in watchers] == [list(range(1, events + 1))] * 6
    await until(lambda: house.hub.sockets() == 0)


async def test_the_end_is_told_and_closes(house: House) -> None:
    async with house.visit() as client:
        await client.hello()
        await end(house.log, house.stream_id)
        assert (await client.next())["data"] == {"status": "ended", "reason": "owner"}
        assert await client.closed() == 4410


async def test_an_ended_stream_still_tells_how_it_went(house: House) -> None:
    await say(house.log, house.stream_id)
    await end(house.log, house.stream_id)
    async with house.visit("?after=0") as client:
        hello = await client.hello()
        assert (hello["stream"]["status"], hello["stream"]["viewers"], hello["seq"]) == ("ended", 0, 2)
        assert [event["seq"] for event in await client.events(2)] == [1, 2]
        assert await client.closed() == 4410


async def test_stats_count_viewers(house: House) -> None:
    username = await house.database.fetchval("select username from app_user where id = $1", house.fan)
    async with house.visit(token="host") as host, house.visit(token="fan") as fan:
        await host.hello()
        await fan.hello()
        while (stats := await host.frame())["viewers"] == 0:
            pass
    assert stats == {
        "type": "stats",
        "viewers": 1,
        "likes": 0,
        "coins": 0,
        "top_gifters": [],
        "joined": [{"user_id": house.fan, "username": username}],
    }
