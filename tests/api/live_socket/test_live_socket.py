"""The live socket for clients: a real server, real sockets, real PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.contract.limits import RateLimit
from api.live_socket.connection import KERNEL_LIMIT_BYTES, Timing
from api.live_socket.frames import FAULTS, CloseCode, Error, finished, parse
from control_plane.accounts.caller import Caller
from control_plane.base.ids import StreamId
from control_plane.db.connections import Connection
from control_plane.db.pool import Database
from control_plane.live import store
from control_plane.live.audience import Audience
from control_plane.live.snapshot import REPLAY_LIMIT_BYTES
from control_plane.live.subscriber import QUEUE_LIMIT_BYTES, STATE_LIMIT_BYTES
from tests.api.live_socket.live import House, serving
from tests.control_plane.live.readers import end, payloads, say, until

_TOO_SLOW = (4508).to_bytes(2) + b"too slow"
TOO_SLOW_FRAME = bytes((0x88, len(_TOO_SLOW))) + _TOO_SLOW
QUICK = Timing(ping_every_s=0.2, pong_within_s=0.2, identity_within_s=0.3, close_within_s=0.3)


@dataclass(frozen=True)
class Text:
    """A text message whose bytes may be invalid UTF-8."""

    payload: bytes


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    async with serving(database) as house:
        yield house
    assert house.hub.sockets() == 0, "every path detaches"


# ── joining ──


async def test_a_guest_of_a_public_stream_is_greeted_at_once(house: House) -> None:
    epoch = await house.database.fetchval("select epoch from stream_log")
    async with house.visit() as guest:
        hello = await guest.frame()
    assert hello == {
        "type": "hello",
        "epoch": epoch,
        "seq": 0,
        "recovered": False,
        "stream": {
            "id": house.stream_id,
            "user_id": house.host,
            "status": "created",
            "title": "",
            "started_at": None,
            "viewers": 1,
            "likes": 0,
            "coins": 0,
            "playback_url": f"http://media/live/of-{house.host}/index.m3u8",
            "top_gifters": [],
            "pinned": None,
            "chat": [],
            "cohosts": [],
        },
        "you": {"user_id": None, "role": "guest", "muted_until": None},
    }
    assert list(hello) == ["type", "epoch", "seq", "recovered", "stream", "you"]


@pytest.mark.parametrize(
    ("token", "role", "viewers"), [("host", "host", 0), ("fan", "viewer", 1), ("operator", "operator", 1)]
)
async def test_who_one_is_comes_with_the_upgrade(house: House, token: str, role: str, viewers: int) -> None:
    async with house.visit(token=token) as client:
        hello = await client.hello()
    assert hello["you"] == {"user_id": house.tokens[token].user_id, "role": role, "muted_until": None}
    assert hello["stream"]["viewers"] == viewers


async def test_who_one_is_may_come_later(house: House) -> None:
    async with house.visit() as client:
        assert (await client.hello())["you"]["role"] == "guest"
        await client.say({"type": "auth", "token": "fan"})
        assert await client.next() == {"type": "you", "user_id": house.fan, "role": "viewer", "muted_until": None}
        async with house.visit(token="fan") as other:
            assert (await other.hello())["stream"]["viewers"] == 1


@pytest.mark.parametrize(("cookie", "role"), [("fan", "viewer"), ("expired", "guest")])
async def test_a_page_is_known_by_its_cookie_and_otherwise_a_guest(house: House, cookie: str, role: str) -> None:
    async with aiohttp.ClientSession(cookies={"session": cookie}) as session, session.ws_connect(house.url()) as ws:
        assert (await ws.receive_json())["you"]["role"] == role


@pytest.mark.parametrize(("token", "code"), [("expired", 4401), ("", 4401), ("banned", 4403), ("away", 1001)])
async def test_a_token_that_names_nobody_is_not_taken_for_a_guest(house: House, token: str, code: int) -> None:
    async with house.visit(token=token) as client:
        assert await client.closed() == code
    async with house.visit() as client:
        await client.hello()
        await client.say({"type": "auth", "token": token})
        assert await client.closed() == code


@pytest.mark.parametrize("stream_id", [404, 0, 2**31, 10**30, "abc", "-1", "%00", "٤"])
async def test_a_stream_that_does_not_exist(house: House, stream_id: object) -> None:
    async with house.visit(stream_id=stream_id) as client:
        assert await client.closed() == 4404


async def test_a_close_frame_says_why(house: House) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(house.url(stream_id=404)) as socket:
        message = await socket.receive(timeout=10)
        assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 4404, "no such stream")


async def test_an_ordinary_request_is_told_what_this_is(house: House) -> None:
    async with aiohttp.ClientSession() as session, session.get(house.url().replace("ws:", "http:")) as response:
        assert (response.status, response.headers["Upgrade"]) == (426, "websocket")


async def test_compression_is_not_agreed_to(house: House) -> None:
    async with house.visit(compression="deflate") as client:
        await client.hello()
        assert client.connection.response is not None
        assert "Sec-WebSocket-Extensions" not in client.connection.response.headers


# ── streams that are not public ──


@pytest.mark.parametrize("visibility", ["private", "followers", "pin", "paid"])
async def test_who_may_no_longer_watch_has_to_leave_and_may_come_back_when_it_is_public(
    house: House, visibility: str
) -> None:
    async with (
        house.visit() as guest,
        house.visit(token="fan") as fan,
        house.visit(token="host") as host,
        house.visit(token="operator") as operator,
    ):
        for each in (guest, fan, host, operator):
            await each.hello()
        await house.become(visibility)
        assert (await guest.closed(), await fan.closed()) == (4401, 4403)
        for each in (host, operator):
            await each.say({"type": "like", "id": "a"})
            assert (await each.next())["code"] == "not_supported", "still here"
        async with house.visit(token="fan") as again:
            assert await again.closed() == 4403
        await house.become("public")
        for token in (None, "fan"):
            async with house.visit(token=token) as client:
                await client.hello()


async def test_a_guest_who_waits_is_let_in_when_the_stream_becomes_public(database: Database) -> None:
    async with serving(database, Timing(identity_within_s=3600), visibility="private") as house, house.visit() as guest:
        await guest.say({"type": "gift", "id": "a", "gift_id": 1})
        assert (await guest.frame())["code"] == "session_missing", "it waits"
        await house.become("public")
        assert (await guest.hello())["you"]["role"] == "guest"
        await guest.say({"type": "auth", "token": "fan"})
        assert (await guest.next())["role"] == "viewer"


async def test_a_change_while_the_audience_is_read_is_not_missed(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The conversation reads that the stream is public; before it goes on, the stream is not."""
    audiences, read, go_on = store.audiences, asyncio.Event(), asyncio.Event()

    async def slow(connection: Connection, stream_ids: Sequence[StreamId]) -> dict[StreamId, Audience]:
        found = await audiences(connection, stream_ids)
        if not read.is_set():
            read.set()
            await go_on.wait()
        return found

    monkeypatch.setattr(store, "audiences", slow)
    async with house.visit(token="fan") as fan:
        await read.wait()
        await house.become("private")
        await until(lambda: [seen for one in house.socket._present if (seen := one._audience) and not seen.public])
        go_on.set()
        assert await fan.closed() == 4403


async def test_what_may_have_been_missed_is_looked_at_for_guests_too(house: House) -> None:
    async with house.visit() as guest:
        await guest.hello()
        await house.database.execute("update stream set visibility = 'private'")
        house.socket.anything_changed()
        assert await guest.closed() == 4401


async def test_a_stream_that_is_not_public_says_nothing_before_it_knows_who_asks(database: Database) -> None:
    async with serving(database, QUICK, visibility="private") as house:
        async with house.visit() as client:
            assert await client.closed() == 4401
        async with house.visit() as client:
            await client.say({"type": "gift", "id": "a", "gift_id": 1})
            assert (await client.frame())["code"] == "session_missing"
            assert await client.closed() == 4401


@pytest.mark.parametrize("visibility", ["private", "followers", "pin", "paid"])
@pytest.mark.parametrize(("token", "role"), [("host", "host"), ("operator", "operator"), ("fan", None)])
async def test_for_now_only_host_and_operators_join_a_stream_that_is_not_public(
    database: Database, visibility: str, token: str, role: str | None
) -> None:
    async with (
        serving(database, visibility=visibility) as house,
        house.visit(token=token) as client,
        house.visit() as other,
    ):
        await other.say({"type": "auth", "token": token})
        for each in (client, other):
            if role is None:
                assert await each.closed() == 4403
            else:
                assert (await each.frame())["you"]["role"] == role


# ── events ──


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


async def test_whoever_comes_back_gets_what_was_missed_and_then_what_happens(house: House) -> None:
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


async def epoch_of(house: House) -> str:
    epoch: str = await house.database.fetchval("select epoch from stream_log where stream_id = $1", house.stream_id)
    return epoch


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


async def test_stats_tell_who_came(house: House) -> None:
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


# ── what clients say ──


async def test_a_gift_is_sent_and_acknowledged(house: House) -> None:
    async with house.visit(token="fan") as fan, house.visit() as guest:
        await fan.hello()
        await guest.hello()
        await fan.say({"type": "gift", "id": "a1", "gift_id": 1, "count": 3})
        frames = [await fan.next(), await fan.next()]
        assert {"type": "ack", "id": "a1", "seq": 1} in frames
        event = await guest.next()
        assert event in frames
        assert (event["type"], event["data"]["count"], event["data"]["sender"]["user_id"]) == ("gift", 3, house.fan)
        await fan.say({"type": "gift", "id": "a1", "gift_id": 1, "count": 3})
        assert await fan.next() == {"type": "ack", "id": "a1", "seq": 1}


async def test_a_used_key_is_named_as_the_frame_names_it(house: House) -> None:
    async with house.visit(token="fan") as fan:
        await fan.hello()
        await fan.say({"type": "gift", "id": "a1", "gift_id": 5})
        refused = await fan.next()
        assert (refused["code"], refused["message"].partition(" was used")[0]) == ("idempotency_conflict", "This id")


async def test_a_gift_that_is_refused_says_why(house: House) -> None:
    async with house.visit(token="fan") as fan:
        await fan.hello()
        await fan.say({"type": "gift", "id": "a1", "gift_id": 2})
        assert await fan.next() == {
            "type": "error",
            "id": "a1",
            "code": "stream_over",
            "message": "This live stream has ended.",
        }


async def test_a_user_has_one_budget_for_gifts_on_all_sockets(house: House) -> None:
    house.user_limit = RateLimit(12, now=lambda: 0.0)  # two, and time stands still
    async with house.visit(token="fan") as one, house.visit(token="fan") as two, house.visit(token="host") as host:
        for each in (one, two, host):
            await each.hello()
        await one.say({"type": "gift", "id": "a", "gift_id": 1})
        assert [frame["type"] for frame in await one.events(2)] in (["ack", "gift"], ["gift", "ack"])
        assert house.user_limit.wait_s(house.fan) == 0, "a call takes the second"
        await two.next()
        await two.say({"type": "gift", "id": "b", "gift_id": 1})
        refused = await two.next()
        assert (refused["type"], refused["id"], refused["code"]) == ("error", "b", "too_many_requests")
        assert 0 < refused["retry_after_ms"] <= 5000
        for number in range(20):
            await two.say({"type": "gift", "id": f"{number}", "gift_id": 1})
            assert (await two.next())["code"] == "too_many_requests", "no fault: the socket stays"
        await host.next()
        await host.say({"type": "gift", "id": "c", "gift_id": 1})
        assert {(await host.next())["type"], (await host.next())["type"]} == {"ack", "gift"}


async def test_a_guest_cannot_give(house: House) -> None:
    async with house.visit() as guest:
        await guest.hello()
        await guest.say({"type": "gift", "id": "a1", "gift_id": 1})
        assert (await guest.next())["code"] == "session_missing"
        assert house.hub.sockets() == 1


async def test_a_session_that_was_revoked_meanwhile_cannot_give(house: House) -> None:
    async with house.visit(token="fan") as fan:
        await fan.hello()
        del house.tokens["fan"]
        await fan.say({"type": "gift", "id": "a1", "gift_id": 1})
        assert await fan.closed() == 4401
    assert await house.database.fetchval("select last_seq from stream_log") == 0


@pytest.mark.parametrize(("how", "code"), [("revoked", 4401), ("banned", 4403)])
async def test_who_is_put_out_while_the_socket_is_open_has_to_leave_at_once(house: House, how: str, code: int) -> None:
    async with house.visit(token="fan") as fan, house.visit(token="host") as host, house.visit() as guest:
        for each in (fan, host, guest):
            await each.hello()
        if how == "banned":
            house.banned.add("fan")
        else:
            del house.tokens["fan"]
        for user_id in (house.host, house.fan):
            house.socket.session_changed(user_id)
        assert await fan.closed() == code
        for each in (host, guest):
            await each.say({"type": "like", "id": "a1", "count": 1})
            assert (await each.next())["code"] == "not_supported", "still here"


async def test_who_is_no_operator_any_more_leaves_a_stream_that_is_not_public(database: Database) -> None:
    async with serving(database, visibility="private") as house, house.visit(token="operator") as client:
        await client.hello()
        house.tokens["operator"] = Caller(house.tokens["operator"].user_id)
        house.socket.session_changed(house.tokens["operator"].user_id)
        assert await client.closed() == 4403


async def test_who_was_put_out_while_we_could_not_know_leaves_when_we_can(house: House) -> None:
    async with house.visit() as fan, house.visit(token="host") as host:
        await fan.hello()
        await (await fan.say({"type": "auth", "token": "fan"})).next()
        await host.hello()
        house.away.add("fan")
        del house.tokens["fan"]
        house.socket.anything_changed()
        await until(lambda: house.asked_in_vain)
        house.away.discard("fan")
        assert await fan.closed() == 4401
        assert house.hub.sockets() == 1


async def test_a_bug_of_ours_closes_the_socket_and_is_logged(house: House, caplog: pytest.LogCaptureFixture) -> None:
    async with house.visit(token="fan") as fan:
        await fan.hello()
        await fan.say({"type": "gift", "id": "a1", "gift_id": 3})
        assert await fan.closed() == 1011
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["live_socket_failed"]


@pytest.mark.parametrize("type_", ["chat", "like", "renew", "delete_chat", "mute", "ban", "pin", "slow_mode"])
async def test_frames_of_later_releases_are_refused_and_count_as_faults(house: House, type_: str) -> None:
    async with house.visit(token="fan") as fan:
        await fan.hello()
        for _ in range(10):
            await fan.say({"type": type_, "id": "a1", "text": "hi", "count": 1})
            error = await fan.next()
            assert (error["id"], error["code"]) == ("a1", "not_supported")
            assert type_ in error["message"]
        assert await fan.closed() == 4429


@pytest.mark.parametrize("frame", [{"type": "like"}, {"type": "dance"}, {"type": "gift", "gift_id": 1}])
async def test_an_answer_repeats_at_most_64_characters_of_an_id(house: House, frame: dict[str, object]) -> None:
    async with house.visit() as client:
        await client.hello()
        await client.say(frame | {"id": "x" * 4000})
        assert (await client.next())["id"] == "x" * 64


@pytest.mark.parametrize(
    ("frame", "code", "id_"),
    [
        ("{", "malformed", None),
        ("", "malformed", None),
        ("[]", "malformed", None),
        ("null", "malformed", None),
        (b'{"type":"auth","token":"fan"}', "malformed", None),
        ("[" * 3000, "malformed", None),
        (Text(b'{"type":"\xff"}'), "malformed", None),
        (Text(b'{"type":"gift","id":"\xff","gift_id":1,"count":1}'), "malformed", None),
        (Text(b'{"type":"gift","id":"a","gift_id":1,"x":"\xff"}'), "malformed", None),
        (Text(b'{"type":"auth","token":"fan","\xed\xa0\x80":1}'), "malformed", None),
        ('{"type":"ping"', "malformed", None),
        ('{"type":"chat","text":"a"} x', "malformed", None),
        ('{"type":"chat","x":' + "[" * 1900, "malformed", None),
        ('{"type":"gift","gift_id":"1","id":"a"', "malformed", None),
        ('{"type":"gift","id":"a","x":' + "[" * 1500 + "]" * 1500 + "}", "malformed", None),
        ("{}", "unknown_type", None),
        ('{"type":"dance","id":"a"}', "unknown_type", "a"),
        ('{"type":["gift"],"id":"a"}', "unknown_type", "a"),
        ('{"type":"gift","id":7}', "invalid", None),
        ('{"type":"gift","id":"a"}', "invalid", "a"),
        ('{"type":"gift","id":"a","gift_id":1,"count":0}', "invalid", "a"),
        ('{"type":"gift","id":"a","gift_id":1,"count":-1}', "invalid", "a"),
        ('{"type":"gift","id":"a","gift_id":1,"count":1e309}', "invalid", "a"),
        ('{"type":"gift","id":"a","gift_id":2147483648}', "invalid", "a"),
        ('{"type":"gift","id":"","gift_id":1}', "invalid", ""),
        ('{"type":"gift","id":"a\\u0000","gift_id":1}', "invalid", "a\0"),
        ('{"type":"gift","id":"a\\n","gift_id":1}', "invalid", "a\n"),
        ('{"type":"gift","id":" a","gift_id":1}', "invalid", " a"),
        ('{"type":"gift","id":"a ","gift_id":1}', "invalid", "a "),
        ('{"type":"gift","id":" ","gift_id":1}', "invalid", " "),
        ('{"type":"auth"}', "invalid", None),
        ('{"type":"auth","token":5}', "invalid", None),
        ('{"type":"chat","text":"' + "x" * 4096 + '"}', "too_large", None),
    ],
)
async def test_what_cannot_be_read_is_answered(
    house: House, caplog: pytest.LogCaptureFixture, frame: str | bytes | Text, code: str, id_: str | None
) -> None:
    async with house.visit(token="fan") as fan:
        await fan.hello()
        if isinstance(frame, Text):
            await fan.connection.send(frame.payload, text=True)
        else:
            await fan.say(frame)
        error = await fan.next()
        assert (error["type"], error["code"], error.get("id")) == ("error", code, id_)
        await fan.say({"type": "gift", "id": "fine", "gift_id": 1})
        assert {(await fan.next())["type"], (await fan.next())["type"]} == {"ack", "gift"}
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


VALID_FRAMES = [
    b'{"type":"auth","token":"fan"}',
    b'{"type":"gift","id":"a","gift_id":1,"count":2,"x":[{"y":"\xc3\xa9"}]}',
    b'{"type":"chat","id":"a","text":"\\u00e9","more":{"deep":[1,2.5e3,null,true]}}',
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid frame with a piece replaced, removed or cut off at one or more places."""
    frame = draw(st.sampled_from(VALID_FRAMES))
    for _ in range(draw(st.integers(1, 4))):
        first = draw(st.integers(0, len(frame)))
        last = draw(st.integers(first, len(frame)))
        frame = frame[:first] + draw(st.binary(max_size=4) | st.sampled_from([b"[" * 2000, b'"', b"}"])) + frame[last:]
    return frame


@settings(deadline=None, max_examples=500)
@given(st.binary(max_size=200) | mutated())
def test_whatever_comes_is_a_frame_or_has_an_answer(payload: bytes) -> None:
    frame = parse(payload)
    if isinstance(frame, Error):
        assert frame.code in FAULTS
        assert len(finished(frame)) < 1024
    else:
        json.loads(payload.decode())


async def test_ten_faulty_frames_in_a_minute_end_the_socket(house: House) -> None:
    async with house.visit() as client:
        await client.hello()
        for _ in range(10):
            await client.say("nonsense")
        assert [frame["code"] for frame in await client.events(10)] == ["malformed"] * 10
        assert await client.closed() == 4429


async def test_frames_over_the_rate_are_answered_and_then_end_the_socket(house: House) -> None:
    async with house.visit() as client:
        await client.hello()
        for number in range(200):
            await client.say({"type": "gift", "id": f"{number}", "gift_id": 1})
        answers, code = await client.rest()
        assert code == 4429
    refused = [answer for answer in answers if answer["code"] == "rate"]
    assert {answer["code"] for answer in answers[:40]} == {"session_missing"}
    assert len(refused) == 10
    assert all(0 < answer["retry_after_ms"] <= 50 and answer["id"] for answer in refused)


async def test_a_flood_of_pings_ends_the_socket(house: House) -> None:
    async with house.visit() as client:
        await client.hello()
        for _ in range(80):
            await client.connection.ping()
        assert await client.closed() == 4429


@pytest.mark.parametrize(("size", "code"), [(64 << 10, None), ((64 << 10) + 1, 1009)])
async def test_a_message_over_64_kilobytes_ends_the_socket(house: House, size: int, code: int | None) -> None:
    async with house.visit() as client:
        await client.hello()
        await client.say("x" * size)
        if code is None:
            assert (await client.next())["code"] == "too_large"
        else:
            assert await client.closed() == code
            await until(lambda: house.socket.closed == {CloseCode.TOO_BIG: 1})


async def test_too_many_sockets_from_one_address_are_refused(database: Database) -> None:
    async with serving(database, sockets_per_address=2) as house:
        async with house.visit() as one, house.visit() as two:
            await one.hello()
            await two.hello()
            async with house.visit() as three:
                assert await three.closed() == 4429
        async with house.visit() as again:
            await again.hello()


# ── whether anybody is there ──


async def test_who_answers_pings_stays(database: Database) -> None:
    async with serving(database, QUICK) as house, aiohttp.ClientSession() as session:
        ws = await session.ws_connect(house.url(), autoping=False)
        for _ in range(4):
            while (await ws.receive(timeout=10)).type is not aiohttp.WSMsgType.PING:
                pass
            await ws.pong()
        assert house.hub.sockets() == 1


async def test_who_does_not_answer_pings_is_let_go(database: Database) -> None:
    async with serving(database, QUICK) as house, aiohttp.ClientSession() as session:
        async with session.ws_connect(house.url(), autoping=False) as ws:
            async with asyncio.timeout(5):
                kinds = [message.type async for message in ws]
            assert kinds.count(aiohttp.WSMsgType.PING) == 1
            assert ws.close_code == CloseCode.TOO_SLOW
        await until(lambda: house.hub.sockets() == 0)


async def test_a_gift_that_takes_long_is_no_reason_to_let_go(database: Database) -> None:
    """While it is worked on nothing is read, so the pong waits too."""
    clock = asyncio.get_running_loop().time
    async with serving(database, QUICK) as house, house.visit(token="fan") as fan:
        await fan.hello()
        await fan.say({"type": "gift", "id": "a1", "gift_id": 4})
        after_many_pings = clock() + 1.0
        await until(lambda: clock() > after_many_pings)
        house.go_on.set()
        assert {(await fan.next())["type"], (await fan.next())["type"]} == {"ack", "gift"}


async def test_pings_of_the_client_are_answered(house: House) -> None:
    async with house.visit() as client:
        await client.hello()
        async with asyncio.timeout(5):
            await (await client.connection.ping(b"are you there"))


async def test_a_slow_reader_is_cut_off_and_the_others_hear_everything(database: Database) -> None:
    async with serving(database, Timing(close_within_s=0.5)) as house, house.visit(max_size=None) as quick:
        await quick.hello()
        async with raw_client(house) as client:
            seqs: list[int] = []
            while not house.hub.counts.cut:
                await asyncio.gather(*(say(house.log, house.stream_id, "x" * 8000) for _ in range(10)))
                seqs += [event["seq"] for event in await quick.events(10)]
            assert house.hub.sockets() == 1
            await until(lambda: house.socket.closed[CloseCode.TOO_SLOW] == 1)
            data = b""
            while chunk := await asyncio.get_running_loop().sock_recv(client, 1 << 20):
                data += chunk
            assert not data.endswith(TOO_SLOW_FRAME), "nobody read, so it was aborted"
            await say(house.log, house.stream_id)
            seqs.append((await quick.next())["seq"])
            assert seqs == list(range(1, len(seqs) + 1))


async def test_a_slow_reader_that_wakes_up_is_told_and_goes_on_where_it_was(house: House) -> None:
    async with raw_client(house) as client:
        while not house.hub.counts.cut:
            await asyncio.gather(*(say(house.log, house.stream_id, "x" * 8000) for _ in range(10)))
        data = b""
        async with asyncio.timeout(10):
            while part := await asyncio.get_running_loop().sock_recv(client, 1 << 20):
                data += part
                if data.endswith(TOO_SLOW_FRAME):
                    break
    assert data.endswith(TOO_SLOW_FRAME)
    frames = [json.loads(payload) for payload in payloads(data.removesuffix(TOO_SLOW_FRAME))]
    seqs = [frame["seq"] for frame in frames if frame["type"] == "status"]
    assert seqs == list(range(1, len(seqs) + 1))
    async with house.visit(f"?after={seqs[-1]}&epoch={await epoch_of(house)}", max_size=None) as back:
        assert (await back.hello())["recovered"]
        assert (await back.next())["seq"] == seqs[-1] + 1


async def test_what_a_client_sends_that_does_not_read_is_not_answered(database: Database) -> None:
    async with serving(database, Timing(ping_every_s=1.5, pong_within_s=1.5)) as house, raw_client(house) as client:
        (connection,) = house.socket._open
        while connection.buffered_bytes() <= STATE_LIMIT_BYTES:
            await asyncio.gather(*(say(house.log, house.stream_id, "x" * 8000) for _ in range(10)))
        gift = b'{"type":"gift","gift_id":1,"id":"' + b"x" * 64 + b'"}'
        masked = bytes((0x81, 0x80 | len(gift), 0, 0, 0, 0)) + gift
        before = connection.buffered_bytes()
        await asyncio.get_running_loop().sock_sendall(client, masked * 30)
        most = before
        while connection.code is None:
            most = max(most, connection.buffered_bytes())
            await asyncio.sleep(0.01)
        assert connection.code is CloseCode.TOO_SLOW
        assert most < before + 4 * len(gift), "the frame that was being waited for, and a ping; not thirty answers"


async def test_two_hundred_clients_that_never_read_cost_what_the_document_says(database: Database) -> None:
    """Each asks for the largest replay there is, and goes on getting events until it is closed."""
    count, per_socket = 200, QUEUE_LIMIT_BYTES + REPLAY_LIMIT_BYTES + (16 << 10)
    async with serving(database, Timing(close_within_s=0.5)) as house, AsyncExitStack() as stack:
        await asyncio.gather(*(say(house.log, house.stream_id, "x" * 400) for _ in range(1000)))
        before = psutil.Process().memory_info().rss
        for _ in range(count):
            await stack.enter_async_context(raw_client(house, "?after=0"))
        connections = set(house.socket._open)
        assert all(connection.buffered_bytes() for connection in connections), (
            "the kernel takes only a part of the replay"
        )
        sockets = [connection._transport.get_extra_info("socket") for connection in connections]
        buffers = {one.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) for one in sockets}
        assert max(buffers) <= 2 * KERNEL_LIMIT_BYTES
        most = grown = 0
        while house.hub.counts.cut < count:
            await say(house.log, house.stream_id, "x" * 8000)
            most = max(most, *(connection.buffered_bytes() for connection in connections))
            grown = max(grown, psutil.Process().memory_info().rss - before)
        assert most <= per_socket
        assert grown < 2 * count * per_socket
        print(f"at most {most >> 10} KiB a socket; {count} sockets: {grown >> 20} MiB")  # noqa: T201  the document's figures
        await until(lambda: house.socket.closed[CloseCode.TOO_SLOW] == count)


async def test_a_backlog_that_is_too_large_is_not_sent(house: House) -> None:
    for _ in range(9):
        await say(house.log, house.stream_id, "x" * (64 << 10))
    async with house.visit("") as client:
        epoch = (await client.hello())["epoch"]
    async with house.visit(f"?after=1&epoch={epoch}", max_size=None) as client:
        assert not (await client.hello())["recovered"]
    async with house.visit(f"?after=2&epoch={epoch}", max_size=None) as client:
        assert (await client.hello())["recovered"]
        assert [event["seq"] for event in await client.events(7)] == [3, 4, 5, 6, 7, 8, 9]


@asynccontextmanager
async def raw_client(house: House, query: str = "") -> AsyncIterator[socket.socket]:
    """A client that has joined and reads nothing."""
    loop = asyncio.get_running_loop()
    host, port = house.base.removeprefix("ws://").split(":")
    before = house.hub.sockets()
    with socket.socket() as client:
        client.setblocking(False)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        await loop.sock_connect(client, (host, int(port)))
        request = (
            f"GET /ws/live/{house.stream_id}{query} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        await loop.sock_sendall(client, request.encode())
        response = b""
        while not response.endswith(b"\r\n\r\n"):
            response += await loop.sock_recv(client, 1)
        assert response.startswith(b"HTTP/1.1 101")
        await until(lambda: house.hub.sockets() > before)
        yield client


# ── the server goes away ──


async def test_a_server_that_goes_away_says_so_to_everybody(house: House) -> None:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(house.visit()) for _ in range(20)]
        for client in clients:
            await client.hello()
        codes = asyncio.gather(*(client.closed() for client in clients))
        async with asyncio.timeout(5):
            await house.socket.close_all(deadline_s=60)
        assert await codes == [1001] * 20
        assert house.socket.closed == {CloseCode.GOING_AWAY: 20}
        async with house.visit() as late:
            assert await late.closed() == 1001


async def test_a_client_that_does_not_go_does_not_hold_up_the_server(database: Database) -> None:
    async with serving(database, Timing(close_within_s=60)) as house, raw_client(house):
        started = asyncio.get_running_loop().time()
        await house.socket.close_all(deadline_s=0.3)
        assert asyncio.get_running_loop().time() - started < 1
        await until(lambda: house.hub.sockets() == 0)


async def test_a_database_that_is_away_sends_those_who_join_away_for_a_while(house: House) -> None:
    await house.database.close()
    async with house.visit() as client:
        assert await client.closed() == 1001
