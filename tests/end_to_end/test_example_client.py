"""`examples/live_client.py` against the whole platform."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from examples.live_client import Closed, LiveClient, Refused
from ffmpeg_fixtures.publisher import Publisher
from tests.end_to_end.platform import Stagedoor, hanging, local
from tests.waiting import until

pytestmark = pytest.mark.timeout(180)

SCRIPT = Path(__file__).parents[2] / "examples" / "live_client.py"


class Audience:
    """A client that reads continuously."""

    def __init__(self, client: LiveClient) -> None:
        self.client = client
        self.seqs: list[int] = []
        self.hellos: list[bool] = []
        """`recovered` of each hello."""
        self.reading = asyncio.create_task(self._read(), name="audience")

    async def _read(self) -> None:
        async for frame in self.client.frames():
            if frame["type"] == "hello":
                self.hellos.append(frame["recovered"])
            elif "seq" in frame:
                self.seqs.append(frame["seq"])


@asynccontextmanager
async def audience(url: str, token: str = "") -> AsyncIterator[Audience]:
    watching = Audience(LiveClient(local(url), token))
    try:
        await until(lambda: bool(watching.hellos), what="hello")
        yield watching
    finally:
        watching.reading.cancel()
        await asyncio.gather(watching.reading, return_exceptions=True)


async def test_as_a_command_it_shows_a_stream_and_sends_a_gift(stagedoor: Stagedoor) -> None:
    host, fan = await asyncio.gather(stagedoor.sign_in("rena"), stagedoor.sign_in("ben"))
    stream = await stagedoor.go_live(host)
    url = local(stream["websocket_url"])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, SCRIPT, url, "--token", fan, "--gift", "2", "--count", "3"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with Publisher(local(stream["rtmp_url"])):
            await stagedoor.becomes(stream["id"], "live")
            await stagedoor.done("api/liveStream", host, id=stream["id"], ended_at="2026-01-31 13:00:00")
        async with asyncio.timeout(15):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    text = output.decode()
    assert process.returncode == 0, text
    assert "ben gives 3 × Heart" in text
    assert "sent: it is event 1" in text
    assert [line.split() for line in text.splitlines() if line.endswith(("live", "ended"))] == [
        ["2", "live"],
        ["3", "ended"],
    ]


async def test_a_server_that_is_killed_costs_it_no_event_and_no_gift(own: Stagedoor) -> None:
    host, fan = await asyncio.gather(own.sign_in("ada"), own.sign_in("ben"))
    stream = await own.go_live(host)
    async with audience(stream["websocket_url"], fan) as watching:
        assert await watching.client.send_gift(1) == 1
        await own.kill()
        given = asyncio.create_task(watching.client.send_gift(1, 2))  # while nobody is there
        await own.start()
        assert await asyncio.wait_for(given, 30) == 2
        await own.done("api/sendGift", fan, receiver_id=1, gift_id=1, gift_count=1)
        await until(lambda: watching.seqs == [1, 2, 3], what="the events")
        assert watching.hellos == [False, True]
        assert (await own.done("api/showUserDetail", fan))["User"]["wallet"] == 10_000 - 4


async def test_a_gift_that_the_database_kept_waiting_is_paid_once(own: Stagedoor) -> None:
    host, fan = await asyncio.gather(own.sign_in("ada"), own.sign_in("ben"))
    stream = await own.go_live(host)
    async with audience(stream["websocket_url"], fan) as watching:
        given = asyncio.create_task(watching.client.send_gift(1))
        with hanging(own.run["pids"]["postgres"]):
            await asyncio.wait({given}, timeout=2)
        assert await asyncio.wait_for(given, 40) == 1
        assert (await own.done("api/showUserDetail", fan))["User"]["wallet"] == 10_000 - 1


async def test_it_stops_where_there_is_nothing_to_come_back_to(stagedoor: Stagedoor) -> None:
    host = await stagedoor.sign_in("stan")
    stream = await stagedoor.go_live(host)
    async with audience(stream["websocket_url"]) as guest:
        with pytest.raises(Refused, match="sign in"):
            await guest.client.send_gift(1)
        await stagedoor.done("api/liveStream", host, id=stream["id"], ended_at="2026-01-31 13:00:00")
        await asyncio.wait_for(guest.reading, 10)
        with pytest.raises(Refused, match="closed"):
            await guest.client.send_gift(1)
    for url, token, code in [
        (stream["websocket_url"].replace(f"/{stream['id']}", "/999999"), "", 4404),
        (stream["websocket_url"], "nobody's", 4401),
    ]:
        with pytest.raises(Closed) as closed:
            await asyncio.wait_for(anext(LiveClient(local(url), token).frames()), 10)
        assert closed.value.code == code
