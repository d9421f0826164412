"""Frames from clients: gifts, faulty frames, and their limits."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.live_socket.frames import parse
from api.sockets.frames import FAULTS, CloseCode, ErrorFrame, finished
from control_plane.accounts.caller import Caller
from control_plane.base.rate_limit import RateLimit
from control_plane.db.pool import Database
from tests.api.live_socket.live import House, serving
from tests.waiting import until


@dataclass(frozen=True)
class Text:
    """A text message whose bytes may be invalid UTF-8."""

    payload: bytes


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
async def test_a_session_that_ends_closes_its_socket_at_once(house: House, how: str, code: int) -> None:
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


async def test_a_session_that_ended_while_the_database_was_away_closes_its_socket_later(house: House) -> None:
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
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["socket_failed"]


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
    if isinstance(frame, ErrorFrame):
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
